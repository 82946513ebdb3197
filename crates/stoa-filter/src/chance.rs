//! Fractions with the denominator 100, 10,000 or 1,000,000 (Envoy's `FractionalPercent`), and rolls. A roll is a number of 64 bits,
//! which is either random or the stable hash of a key.

use std::ops::Add;

use xxhash_rust::xxh64::xxh64;

use crate::document::Node;
use crate::number::read_whole;

/// The number of millionths in a whole. A [`Fraction`] counts millionths.
pub const MILLION: u32 = 1_000_000;

/// A share of all requests, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fraction(u32);

impl Fraction {
    /// Every request.
    pub const ALL: Self = Self(MILLION);
    /// No request.
    pub const NONE: Self = Self(0);

    /// A fraction of `millionths`. A number above 1,000,000 counts as 1,000,000.
    pub fn new(millionths: u32) -> Self {
        Self(millionths.min(MILLION))
    }

    /// Reads an object such as `{"numerator": 10, "denominator": 100}`. The default denominator is 100.
    pub fn read(node: &Node<'_>) -> Self {
        let Some(object) = node.object() else {
            return Self(0);
        };
        let denominator = object.get("denominator");
        let whole = match denominator
            .as_ref()
            .map(|node| (node, read_whole(node.value())))
        {
            None => 100,
            Some((_, Some(known @ (100 | 10_000 | 1_000_000)))) => known.unsigned_abs(),
            Some((node, _)) => {
                node.add_mismatch("100, 10000 or 1000000");
                u64::from(MILLION)
            }
        };
        let numerator = object.required("numerator");
        let numerator = numerator.and_then(|node| node.integer(0..=whole));
        let millionths = numerator.unwrap_or_default() * u64::from(MILLION) / whole;
        Self(u32::try_from(millionths).unwrap_or(MILLION))
    }

    /// The fraction in percent, from 0 to 100.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// True if `roll` is below this fraction of the 64-bit range. If all values of `roll` are equally likely, the function selects
    /// this fraction of the rolls.
    pub fn selects(self, roll: u64) -> bool {
        scale(roll, MILLION) < self.0
    }
}

impl Add for Fraction {
    type Output = Self;

    /// Adds two fractions. A sum above 1 counts as 1.
    fn add(self, other: Self) -> Self {
        Self::new(self.0 + other.0)
    }
}

/// Maps a roll to a number in `0..parts`. The results are equally likely, up to a bias of less than one roll in 2^40 (multiply and
/// shift, as in Lemire, "Fast Random Integer Generation in an Interval", 2019, but without the rejection step of that paper).
fn scale(roll: u64, parts: u32) -> u32 {
    let scaled = (u128::from(roll) * u128::from(parts)) >> 64;
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

/// Maps a roll to a number above 0 and up to 1, so that its logarithm exists. The function uses 53 bits, the precision of an `f64`.
pub fn unit(roll: u64) -> f64 {
    ((roll >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
}

/// Returns a roll that depends only on `seed` and `key`, so it is the same on every machine and at any time. The roll is the XXH64
/// of `key`; the XXH64 of `seed` is the seed of that hash.
pub fn stable_roll(seed: &str, key: &[u8]) -> u64 {
    xxh64(key, self::seed(seed))
}

/// Converts a text to the seed of a choice that is the same at every call. Choices with different seeds are independent.
pub fn seed(text: &str) -> u64 {
    xxh64(text.as_bytes(), 0)
}

/// Chooses one of several entries for a key, and returns the index of the entry. Each entry consists of a seed and a weight.
/// Returns `None` if no weight is above 0.
///
/// Weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005): each entry draws an
/// exponential time from the hash of the key, with the entry's weight as the rate, and the entry with the shortest time wins. So
/// when the weight of one entry grows, keys move only to that entry.
pub fn weighted_choice(key: &[u8], entries: impl Iterator<Item = (u64, u32)>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (index, (seed, weight)) in entries.enumerate().filter(|(_, (_, weight))| *weight > 0) {
        let time = -unit(xxh64(key, seed)).ln() / f64::from(weight);
        if best.is_none_or(|(_, least)| time < least) {
            best = Some((index, time));
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::read;

    fn fraction(text: &str) -> Result<Fraction, String> {
        let text = format!(r#"{{"p": {text}}}"#);
        read(text.as_bytes(), |root| {
            Fraction::read(&root.required("p").unwrap())
        })
        .map_err(|e| e.to_string())
    }

    #[test]
    fn three_denominators_are_accepted_and_others_are_rejected() {
        assert_eq!(fraction(r#"{"numerator": 10}"#), Ok(Fraction(100_000)));
        assert_eq!(
            fraction(r#"{"numerator": 1, "denominator": 1000000}"#),
            Ok(Fraction(1))
        );
        assert_eq!(
            fraction(r#"{"numerator": 101}"#),
            Err("p.numerator: 101 is not a whole number from 0 to 100".to_owned())
        );
        assert_eq!(
            fraction(r#"{"numerator": 1, "denominator": 1000}"#),
            Err("p.denominator: 1000 is not 100, 10000 or 1000000".to_owned())
        );
    }

    #[test]
    fn a_fraction_of_0_selects_no_roll_and_a_fraction_of_1_selects_all() {
        for roll in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(!Fraction::new(0).selects(roll));
            assert!(Fraction::ALL.selects(roll));
        }
        let half = Fraction::new(MILLION / 2);
        assert!(half.selects(u64::MAX / 2 - 1) && !half.selects(u64::MAX / 2 + (1 << 45)));
    }

    #[test]
    fn a_fraction_selects_its_share_of_the_stable_rolls_of_many_keys() {
        let ten_percent = Fraction::new(MILLION / 10);
        let keys = 100_000_u32;
        let hit = (0..keys)
            .filter(|n| ten_percent.selects(stable_roll("seed", format!("order-{n}").as_bytes())))
            .count();
        // The tolerance of 380 keys is 4 sigma of 100,000 draws at 10 %. The list of keys is fixed, so the result is always the
        // same.
        assert!((9_620..=10_380).contains(&hit), "{hit}");
    }

    #[test]
    fn entries_are_chosen_by_weight_and_keys_move_only_to_an_entry_whose_weight_grows() {
        let seeds = [seed("a"), seed("b"), seed("c")];
        let choose = |n: u32, weights: [u32; 3]| {
            weighted_choice(
                format!("user-{n}").as_bytes(),
                seeds.into_iter().zip(weights),
            )
            .unwrap()
        };
        let keys = 100_000_u32;
        let (mut hits, mut moved) = ([0_u32; 3], 0);
        for n in 0..keys {
            let before = choose(n, [7_000, 2_000, 1_000]);
            hits[before] += 1;
            let after = choose(n, [7_000, 3_000, 1_000]);
            if before != after {
                assert_eq!(
                    after, 1,
                    "key {n} moved from entry {before} to entry {after}"
                );
                moved += 1;
            }
        }
        // The tolerances are 4 sigma: 580, 506 and 380 keys for the three entries, and 329 for the 7,273 keys that should move to
        // the second entry when its weight grows. The list of keys is fixed, so the result is always the same.
        assert!(
            hits[0].abs_diff(70_000) < 580 && hits[1].abs_diff(20_000) < 506,
            "{hits:?}"
        );
        assert!(
            hits[2].abs_diff(10_000) < 380 && u32::abs_diff(moved, 7_273) < 329,
            "{hits:?} {moved}"
        );
        assert_eq!(weighted_choice(b"", std::iter::once((1, 0))), None);
    }

    #[test]
    fn a_stable_roll_does_not_change_between_releases() {
        // The expected values come from another implementation of XXH64 (python-xxhash 3).
        assert_eq!(stable_roll("", b""), 0xa258_d6ec_1fb5_d95c);
        assert_eq!(stable_roll("2026", b"order-1"), 0xdbfd_b092_e49d_f3b1);
    }
}
