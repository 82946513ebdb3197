//! Runs the auditor for tests of the real shop.

use std::time::Duration;

use shop_audit::{Options, Verdict, report};
use stoa_testkit::Shop;

/// Audits a shop.
pub(crate) fn audit(shop: &Shop) -> Verdict {
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let options = Options {
        recheck_after: Duration::from_millis(500),
        ..Options::new(shop.operator().base())
    };
    threads.block_on(shop_audit::audit(&options)).unwrap()
}

/// Audits a shop, and fails the test if there is a breach.
#[track_caller]
pub(crate) fn assert_sound(shop: &Shop) -> Verdict {
    let verdict = audit(shop);
    assert!(verdict.sound, "{}", report(&verdict));
    verdict
}
