//! The PIM's texts in place of the catalogue's own.
//!
//! Texts are stored, and fetched again when they are old. After a failure the PIM is not called for a while; then the stored texts apply,
//! or the catalogue's own. Enrichment never fails a request.

use serde_json::json;
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::{self, Millis};
use stoa_service::{Context, Sku, log};

use crate::app::App;
use crate::clients::Pim;
use crate::domain::{Product, Texts};
use crate::store::pim as kept_texts;

/// The pause of calls to the PIM after a failure, in milliseconds: one slow request in that time, not every one.
pub const PAUSE: Millis = 30_000;

/// Replaces the texts of `product` by the PIM's.
pub fn enrich(app: &App, context: &Context, product: &mut Product) {
    let ttl = i64::from(app.config.pim_ttl_seconds) * 1000;
    let texts = current(&*app.db, &app.pim(context), context, ttl, &product.sku);
    let texts = texts.unwrap_or_else(|error| {
        log::warn(
            context,
            "the PIM's texts are left out",
            json!({"sku": product.sku, "error": error.to_string()}),
        );
        Texts::default()
    });
    if let Some(description) = texts.description {
        product.description = description;
    }
    if let Some(image) = texts.image {
        product.image = image;
    }
}

fn current(
    db: &dyn Database,
    pim: &Pim<'_>,
    context: &Context,
    ttl: Millis,
    sku: &Sku,
) -> Result<Texts, SqlError> {
    let now = time::now();
    let (kept, fetched_at) = kept_texts::find(db, sku)?
        .map_or((Texts::default(), None), |(texts, at)| (texts, Some(at)));
    if fetched_at.is_some_and(|at| now - at < ttl) || paused(db, now)? {
        return Ok(kept);
    }
    match pim.texts(sku) {
        Ok(texts) => {
            let texts = texts.usable();
            kept_texts::keep(db, sku, &texts, now)?;
            Ok(texts)
        }
        Err(error) => {
            log::warn(
                context,
                "the PIM does not answer; it is not called for a while",
                json!({"sku": sku, "error": error.to_string(), "pause_ms": PAUSE}),
            );
            // The pause starts at the failure, not at the call.
            kept_texts::pause_until(db, time::now() + PAUSE)?;
            Ok(kept)
        }
    }
}

fn paused(db: &dyn Database, now: Millis) -> Result<bool, SqlError> {
    let until = kept_texts::paused_until(db)?;
    // A clock that was set back must not extend the pause.
    Ok(until.is_some_and(|until| now < until && until - now <= PAUSE))
}
