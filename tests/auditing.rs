//! The auditor, as tests run it.

use std::time::Duration;

use stoa_audit::{Options, Verdict, report};
use stoa_testkit::Shop;

/// What the auditor finds in a shop.
pub(crate) fn audit(shop: &Shop) -> Verdict {
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let options = Options {
        look_again_after: Duration::from_millis(500),
        ..Options::new(shop.operator().base())
    };
    threads.block_on(stoa_audit::audit(&options)).unwrap()
}

/// Finds nothing.
#[track_caller]
pub(crate) fn sound(shop: &Shop) -> Verdict {
    let verdict = audit(shop);
    assert!(verdict.sound, "{}", report(&verdict));
    verdict
}
