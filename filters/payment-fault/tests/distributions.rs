//! Tests the distributions of delays. The random generator has a fixed seed, so the results are always the same. Tolerances are 4
//! sigma.

use payment_fault::delay::Delay;

const SAMPLES: usize = 100_000;

/// The generator SplitMix64 (Steele, Lea and Flood, 2014) with a fixed seed.
fn dice() -> impl FnMut() -> u64 {
    let mut state = 2026_u64;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn samples(delay: Delay) -> Vec<f64> {
    let mut dice = dice();
    let mut all: Vec<f64> = (0..SAMPLES)
        .map(|_| delay.sample(&mut dice) as f64)
        .collect();
    all.sort_by(f64::total_cmp);
    all
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

#[test]
fn a_fixed_delay_is_always_the_same() {
    assert!(samples(Delay::Fixed(250.0)).iter().all(|ms| *ms == 250.0));
}

#[test]
fn a_uniform_delay_fills_its_range() {
    let all = samples(Delay::Uniform(100.0, 300.0));
    assert!(all[0] >= 100.0 && all[SAMPLES - 1] <= 300.0);
    // The standard deviation of one delay is 200 / sqrt(12) = 57.7 ms.
    let four_sigma = 4.0 * 57.7 / (SAMPLES as f64).sqrt();
    assert!((mean(&all) - 200.0).abs() < four_sigma, "{}", mean(&all));
}

#[test]
fn an_exponential_delay_has_its_mean_and_its_bound() {
    let (mean_ms, max) = (200.0, 60_000.0);
    let all = samples(Delay::Exponential { mean: mean_ms, max });
    let four_sigma = 4.0 * 200.0 / (SAMPLES as f64).sqrt();
    assert!((mean(&all) - 200.0).abs() < four_sigma, "{}", mean(&all));
    // Half of all delays are below ln 2 times the mean.
    assert!(
        (all[SAMPLES / 2] - 138.6).abs() < 4.0,
        "{}",
        all[SAMPLES / 2]
    );
    let bounded = samples(Delay::Exponential {
        mean: mean_ms,
        max: 300.0,
    });
    assert_eq!(bounded[SAMPLES - 1], 300.0);
}

#[test]
fn a_log_normal_delay_has_its_median_and_its_spread() {
    let (median, sigma, max) = (100.0, 0.5, 60_000.0);
    let all = samples(Delay::LogNormal { median, sigma, max });
    assert!(
        (all[SAMPLES / 2] - 100.0).abs() < 1.5,
        "{}",
        all[SAMPLES / 2]
    );
    // For 84.13 % of all delays, the logarithm is at most one sigma above the logarithm of the median.
    let one_sigma = all[SAMPLES * 8413 / 10_000];
    assert!((one_sigma - 164.9).abs() < 3.0, "{one_sigma}");
    let bounded = samples(Delay::LogNormal {
        median,
        sigma,
        max: 120.0,
    });
    assert_eq!(bounded[SAMPLES - 1], 120.0);
}

#[test]
fn a_delay_stays_in_its_bounds_if_the_random_bits_are_constant() {
    for stuck in [0, u64::MAX] {
        for delay in [
            Delay::Uniform(0.0, 10.0),
            Delay::Exponential {
                mean: 10.0,
                max: 50.0,
            },
            Delay::LogNormal {
                median: 10.0,
                sigma: 10.0,
                max: 50.0,
            },
        ] {
            assert!(delay.sample(|| stuck) <= 50, "{delay:?}");
        }
    }
}
