//! Fractions of 100, 10,000 or 1,000,000 (Envoy's `FractionalPercent`), and the random and stable rolls that they select.

use std::ops::Add;

use xxhash_rust::xxh64::xxh64;

use crate::document::Node;
use crate::number::whole;

/// The number of parts in the whole, for weights and fractions.
pub const MILLION: u32 = 1_000_000;

/// A part of all requests, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fraction(u32);

impl Fraction {
    /// Every request.
    pub const ALL: Self = Self(MILLION);
    /// No request.
    pub const NONE: Self = Self(0);

    /// `millionths`, at most all.
    pub fn new(millionths: u32) -> Self {
        Self(millionths.min(MILLION))
    }

    /// Reads `{"numerator": 10, "denominator": 100}`; the denominator is 100 where it is missing.
    pub fn read(node: &Node<'_>) -> Self {
        let Some(object) = node.object() else {
            return Self(0);
        };
        let denominator = object.get("denominator");
        let of = match denominator.as_ref().map(|node| (node, whole(node.value()))) {
            None => 100,
            Some((_, Some(of @ (100 | 10_000 | 1_000_000)))) => of.unsigned_abs(),
            Some((node, _)) => {
                node.not("100, 10000 or 1000000");
                u64::from(MILLION)
            }
        };
        let numerator = object.need("numerator");
        let numerator = numerator.and_then(|node| node.integer(0..=of));
        let millionths = numerator.unwrap_or_default() * u64::from(MILLION) / of;
        Self(u32::try_from(millionths).unwrap_or(MILLION))
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// Whether a roll falls into this part. All values of the 64 bits must be equally likely.
    pub fn takes(self, roll: u64) -> bool {
        part(roll, MILLION) < self.0
    }
}

impl Add for Fraction {
    type Output = Self;

    /// The sum, at most all.
    fn add(self, other: Self) -> Self {
        Self::new(self.0 + other.0)
    }
}

/// Maps 64 bits onto `0..parts`. All results are equally likely, except for less than one roll in 2^40 (multiply and shift:
/// Lemire, "Fast Random Integer Generation in an Interval", 2019, without its rejection step).
fn part(roll: u64, parts: u32) -> u32 {
    let scaled = (u128::from(roll) * u128::from(parts)) >> 64;
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

/// Maps 64 bits onto the numbers above 0 and up to 1, so that the logarithm exists. It uses 53 bits, the precision of an `f64`.
pub fn unit(roll: u64) -> f64 {
    ((roll >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
}

/// A roll that depends only on `seed` and `key`, so it is the same on every machine and at any time (XXH64 of the key, with
/// the XXH64 of the seed as its seed).
pub fn stable_roll(seed: &str, key: &[u8]) -> u64 {
    xxh64(key, self::seed(seed))
}

/// The seed of a stable choice. Choices with different seeds are independent.
pub fn seed(text: &str) -> u64 {
    xxh64(text.as_bytes(), 0)
}

/// Chooses one of several entries for a key. Each entry is a seed and a weight. `None` if no weight is above 0.
///
/// Weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005): each entry draws an
/// exponential time from the hash of the key, with its weight as the rate, and the first one wins. So when a weight grows, keys
/// move only to the entry that grew.
pub fn lightest(key: &[u8], of: impl Iterator<Item = (u64, u32)>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (index, (seed, weight)) in of.enumerate().filter(|(_, (_, weight))| *weight > 0) {
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
            Fraction::read(&root.need("p").unwrap())
        })
        .map_err(|e| e.to_string())
    }

    #[test]
    fn reads_three_denominators_and_refuses_others() {
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
    fn takes_none_and_all_at_the_ends() {
        for roll in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(!Fraction::new(0).takes(roll));
            assert!(Fraction::ALL.takes(roll));
        }
        let half = Fraction::new(MILLION / 2);
        assert!(half.takes(u64::MAX / 2 - 1) && !half.takes(u64::MAX / 2 + (1 << 45)));
    }

    #[test]
    fn a_stable_roll_hits_its_share_of_many_keys() {
        let tenth = Fraction::new(MILLION / 10);
        let keys = 100_000_u32;
        let hit = (0..keys)
            .filter(|n| tenth.takes(stable_roll("seed", format!("order-{n}").as_bytes())))
            .count();
        // The keys are fixed, so this cannot flake; 4 sigma are 380.
        assert!((9_620..=10_380).contains(&hit), "{hit}");
    }

    #[test]
    fn each_is_chosen_as_often_as_it_weighs_and_growing_moves_keys_to_the_grown_only() {
        let seeds = [seed("a"), seed("b"), seed("c")];
        let choose = |n: u32, weights: [u32; 3]| {
            lightest(
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
                assert_eq!(after, 1, "key {n} went from {before} to {after}");
                moved += 1;
            }
        }
        // The keys are fixed, so this cannot flake; 4 sigma are 580, 506, 380 and, of the 7,273 that should move, 329.
        assert!(
            hits[0].abs_diff(70_000) < 580 && hits[1].abs_diff(20_000) < 506,
            "{hits:?}"
        );
        assert!(
            hits[2].abs_diff(10_000) < 380 && u32::abs_diff(moved, 7_273) < 329,
            "{hits:?} {moved}"
        );
        assert_eq!(lightest(b"", std::iter::once((1, 0))), None);
    }

    #[test]
    fn a_stable_roll_is_the_same_for_ever() {
        // The expected values come from another implementation of XXH64 (python-xxhash 3).
        assert_eq!(stable_roll("", b""), 0xa258_d6ec_1fb5_d95c);
        assert_eq!(stable_roll("2026", b"order-1"), 0xdbfd_b092_e49d_f3b1);
    }
}
