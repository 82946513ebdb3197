//! Renews the certificates while a mesh runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::shared::Shared;
use super::write::Certificates;

/// The shortest time between two checks of the certificates.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(300);
/// The longest time between two checks of the certificates. It is short, because certificates may expire while the machine sleeps.
/// After the machine wakes, these certificates stay expired until the next check.
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// Gives every proxy a new certificate when half of the current certificate's lifetime is over. The age of a certificate is
/// measured with the wall clock, because the monotonic clock of timers stops while the machine sleeps.
pub(super) async fn rotate(shared: Arc<Shared>) {
    let lifetime = shared.options.certificate_lifetime;
    let (mut issued, mut failing) = (SystemTime::now(), false);
    loop {
        tokio::time::sleep((lifetime / 10).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)).await;
        let now = SystemTime::now();
        if !is_due(issued, now, lifetime) {
            continue;
        }
        let secrets = shared.secrets_in_use().clone();
        match shared.certify(&secrets, Certificates::All) {
            Ok(()) => {
                tracing::debug!("the Envoys have new certificates");
                (issued, failing) = (now, false);
            }
            // The next check tries again to renew the certificates. Of several failures in a row, only the first is logged.
            Err(_) if failing => {}
            Err(error) => {
                tracing::error!(%error, "cannot renew the certificates; the Envoys keep their current certificates");
                failing = true;
            }
        }
    }
}

/// True if certificates must be renewed. The result is also true if the clock was set back, because the current certificates may
/// then not be valid yet.
fn is_due(issued: SystemTime, now: SystemTime, lifetime: Duration) -> bool {
    let age = now.duration_since(issued).ok();
    age.is_none_or(|age| age >= lifetime / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_renewed_after_half_their_lifetime_and_when_the_clock_was_set_back() {
        let (issued, lifetime) = (SystemTime::now(), Duration::from_secs(3600));
        let due = |now| is_due(issued, now, lifetime);
        assert!(!due(issued));
        assert!(!due(issued + Duration::from_secs(1799)));
        assert!(due(issued + Duration::from_secs(1800)));
        // If the machine sleeps, much more than a certificate's lifetime may pass before a check.
        assert!(due(issued + Duration::from_secs(100_000)));
        assert!(due(issued - Duration::from_secs(1)));
    }
}
