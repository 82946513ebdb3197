//! Computes arrival times and random choices. The same seed always gives the same values.

use std::time::Duration;

use fastrand::Rng;

/// Selects a stream of random numbers. Each purpose and each customer has an independent stream, so the choices of one customer do
/// not depend on other customers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StreamUser {
    Arrivals,
    Accounts,
    /// The choices of one customer: a user in the closed loop, or the customer of one journey in the open loop.
    Customer(u64),
}

/// Creates the stream of random numbers for `user`.
pub(crate) fn random_stream(seed: u64, user: StreamUser) -> Rng {
    let number = match user {
        StreamUser::Arrivals => 0,
        StreamUser::Accounts => 1,
        StreamUser::Customer(n) => n.wrapping_add(2),
    };
    // Without `mix`, adjacent seeds would give similar streams.
    Rng::with_seed(mix(mix(seed) ^ number))
}

/// Mixes the bits of a number, with the last step of the SplitMix64 generator.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Iterator over the arrival times of the open loop, relative to the beginning of the load. The arrivals are a Poisson process,
/// whose rate grows evenly during the ramp.
#[derive(Debug)]
pub(crate) struct Arrivals {
    rng: Rng,
    rate: f64,
    ramp: f64,
    /// Expected number of arrivals from the beginning of the load to the previous arrival.
    expected: f64,
}

impl Arrivals {
    pub(crate) fn new(seed: u64, rate: f64, ramp: Duration) -> Self {
        Self {
            rng: random_stream(seed, StreamUser::Arrivals),
            rate,
            ramp: ramp.as_secs_f64(),
            expected: 0.0,
        }
    }

    /// Time in seconds at which this number of arrivals is expected. The expected number is `rate * t^2 / (2 * ramp)` during the
    /// ramp, and then grows by `rate` a second.
    fn time_of(&self, expected: f64) -> f64 {
        let in_ramp = self.rate * self.ramp / 2.0;
        if expected < in_ramp {
            (2.0 * self.ramp * expected / self.rate).sqrt()
        } else {
            expected / self.rate + self.ramp / 2.0
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // Gaps of a Poisson process are exponential. `1.0 - f64()` is never 0, because `f64()` is less than 1.
        self.expected -= (1.0 - self.rng.f64()).ln();
        Duration::try_from_secs_f64(self.time_of(self.expected)).ok()
    }
}

/// Time from the beginning of the load to the start of user number `n` of the closed loop.
pub(crate) fn start_offset(n: u32, users: u32, ramp: Duration) -> Duration {
    ramp.mul_f64(f64::from(n) / f64::from(users.max(1)))
}

/// A random pause, uniform from 0.5 to 1.5 times the mean.
pub(crate) fn think_time(rng: &mut Rng, mean: Duration) -> Duration {
    mean.mul_f64(0.5 + rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAMP: Duration = Duration::from_secs(10);

    fn arrivals(seed: u64, ramp: Duration, until: u64) -> Vec<Duration> {
        Arrivals::new(seed, 100.0, ramp)
            .take_while(|at| *at < Duration::from_secs(until))
            .collect()
    }

    fn between(all: &[Duration], from: u64, to: u64) -> f64 {
        let range = Duration::from_secs(from)..Duration::from_secs(to);
        all.iter().filter(|at| range.contains(at)).count() as f64
    }

    /// True if a count with a Poisson distribution is within five standard deviations of its expected value.
    fn near(count: f64, expected: f64) -> bool {
        (count - expected).abs() <= 5.0 * expected.sqrt()
    }

    #[test]
    fn arrivals_are_sorted_and_have_the_given_rate() {
        let all = arrivals(7, Duration::ZERO, 100);
        assert!(near(all.len() as f64, 10_000.0), "{}", all.len());
        assert!(all.is_sorted());
        for second in (0..100).step_by(10) {
            let count = between(&all, second, second + 10);
            assert!(near(count, 1_000.0), "{count} from second {second}");
        }
    }

    #[test]
    fn gaps_between_arrivals_are_exponential() {
        let all = arrivals(7, Duration::ZERO, 100);
        let gaps: Vec<f64> = all
            .windows(2)
            .map(|w| (w[1] - w[0]).as_secs_f64())
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let longer = gaps.iter().filter(|gap| **gap > mean).count() as f64;
        // Of exponential gaps, 1/e (37 %) are longer than the mean. Of uniform gaps, 50 % would be longer.
        let share = longer / gaps.len() as f64;
        assert!((share - (-1.0f64).exp()).abs() < 0.03, "{share}");
    }

    #[test]
    fn the_rate_grows_evenly_during_the_ramp() {
        let all = arrivals(7, RAMP, 20);
        assert!(near(between(&all, 0, 5), 125.0));
        assert!(near(between(&all, 5, 10), 375.0));
        assert!(near(between(&all, 10, 15), 500.0));
        assert!(near(between(&all, 15, 20), 500.0));
    }

    #[test]
    fn arrivals_are_equal_for_equal_seeds_and_different_for_different_seeds() {
        assert_eq!(arrivals(7, RAMP, 20), arrivals(7, RAMP, 20));
        assert_ne!(arrivals(7, RAMP, 20), arrivals(8, RAMP, 20));
    }

    #[test]
    fn all_random_streams_are_different() {
        let mut all: Vec<u64> = (0..4)
            .flat_map(|seed| {
                let customers = (0..100).map(StreamUser::Customer);
                [StreamUser::Arrivals, StreamUser::Accounts]
                    .into_iter()
                    .chain(customers)
                    .map(move |user| random_stream(seed, user).u64(..))
            })
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn users_begin_one_by_one_within_the_ramp() {
        let begun: Vec<_> = (0..4)
            .map(|n| start_offset(n, 4, RAMP).as_millis())
            .collect();
        assert_eq!(begun, [0, 2_500, 5_000, 7_500]);
        assert_eq!(start_offset(3, 4, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_pause_is_half_to_one_and_a_half_times_the_mean() {
        let (mut rng, mean) = (
            random_stream(7, StreamUser::Accounts),
            Duration::from_secs(1),
        );
        let all: Vec<f64> = (0..10_000)
            .map(|_| think_time(&mut rng, mean).as_secs_f64())
            .collect();
        assert!(all.iter().all(|t| (0.5..1.5).contains(t)));
        let average = all.iter().sum::<f64>() / all.len() as f64;
        assert!((average - 1.0).abs() < 0.02, "{average}");
        assert_eq!(think_time(&mut rng, Duration::ZERO), Duration::ZERO);
    }
}
