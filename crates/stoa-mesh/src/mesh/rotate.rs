//! New certificates while a mesh runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::shared::Shared;
use super::write::Certificates;

/// The shortest time between two checks of the certificates.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(300);
/// The longest time between two checks. After the machine was asleep, certificates may be expired for this long.
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// Gives every proxy a new certificate after half of the old one's lifetime. The wall clock decides: the monotonic clock behind
/// timers stops while the machine sleeps.
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
            // The next check retries it; it is logged once.
            Err(_) if failing => {}
            Err(error) => {
                tracing::error!(%error, "the Envoys keep their certificates");
                failing = true;
            }
        }
    }
}

/// Whether certificates must be renewed. If the clock was set back, they may not be valid yet: then they are renewed too.
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
