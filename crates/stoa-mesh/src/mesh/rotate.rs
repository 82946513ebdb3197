//! New certificates while a mesh runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::shared::Shared;
use super::write::Certificates;

/// The shortest time between two checks of the certificates.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(300);
/// The longest time between two checks: as long may certificates be out of date after the machine was asleep.
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// Gives every proxy a new certificate when half of the old one's life is over. The wall clock decides: the clock that sleeps are
/// measured by stands still while the machine sleeps.
pub(super) async fn rotate(shared: Arc<Shared>) {
    let lifetime = shared.options.certificate_lifetime;
    let (mut issued, mut failing) = (SystemTime::now(), false);
    loop {
        tokio::time::sleep((lifetime / 10).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)).await;
        let now = SystemTime::now();
        if !is_due(issued, now, lifetime) {
            continue;
        }
        let secrets = shared.in_use().clone();
        match shared.certify(&secrets, Certificates::All) {
            Ok(()) => {
                tracing::debug!("the Envoys have new certificates");
                (issued, failing) = (now, false);
            }
            // It is tried again at the next check, and logged once.
            Err(_) if failing => {}
            Err(error) => {
                tracing::error!(%error, "the Envoys keep their certificates");
                failing = true;
            }
        }
    }
}

/// Where the clock was set back, certificates may be valid only later: that is as good as old.
fn is_due(issued: SystemTime, now: SystemTime, lifetime: Duration) -> bool {
    let age = now.duration_since(issued).ok();
    age.is_none_or(|age| age >= lifetime / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_renewed_after_half_their_life_and_when_the_clock_was_set_back() {
        let (issued, lifetime) = (SystemTime::now(), Duration::from_secs(3600));
        let due = |now| is_due(issued, now, lifetime);
        assert!(!due(issued));
        assert!(!due(issued + Duration::from_secs(1799)));
        assert!(due(issued + Duration::from_secs(1800)));
        // The machine was asleep.
        assert!(due(issued + Duration::from_secs(100_000)));
        assert!(due(issued - Duration::from_secs(1)));
    }
}
