//! Replaces the catalogue's texts with the richer texts of the PIM.
//!
//! The service stores the PIM's texts, and fetches them again after `pim_ttl_seconds`. After a failure, calls to the PIM pause for
//! [`PIM_PAUSE`]. During the pause, products have the stored texts of the PIM, or the catalogue's own texts if no texts are stored.
//! A failure of the PIM never fails a request.

use serde_json::json;
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::{self, Millis};
use stoa_service::{Context, Sku, log};

use crate::app::App;
use crate::clients::Pim;
use crate::domain::{Product, Texts};
use crate::store::pim as stored_texts;

/// How long calls to the PIM pause after a failure, in milliseconds. The pause limits the damage of a slow PIM to one slow request
/// every 30 s.
pub const PIM_PAUSE: Millis = 30_000;

/// Replaces the texts of `product` with the PIM's texts, if the PIM has any.
pub fn enrich(app: &App, context: &Context, product: &mut Product) {
    let ttl = i64::from(app.config.pim_ttl_seconds) * 1000;
    let texts = current_texts(&*app.db, &app.pim(context), context, ttl, &product.sku);
    let texts = texts.unwrap_or_else(|error| {
        log::warn(
            context,
            "cannot read or store the PIM's texts; the response has the catalogue's own texts",
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

fn current_texts(
    db: &dyn Database,
    pim: &Pim<'_>,
    context: &Context,
    ttl: Millis,
    sku: &Sku,
) -> Result<Texts, SqlError> {
    let now = time::now();
    let (stored, fetched_at) = stored_texts::find(db, sku)?
        .map_or((Texts::default(), None), |(texts, at)| (texts, Some(at)));
    if fetched_at.is_some_and(|at| now - at < ttl) || is_paused(db, now)? {
        return Ok(stored);
    }
    match pim.texts(sku) {
        Ok(texts) => {
            let texts = texts.usable();
            stored_texts::store(db, sku, &texts, now)?;
            Ok(texts)
        }
        Err(error) => {
            log::warn(
                context,
                "the PIM did not respond as expected; calls to the PIM pause",
                json!({"sku": sku, "error": error.to_string(), "pause_ms": PIM_PAUSE}),
            );
            // The pause starts at the time of the failure, not at the time when the call began.
            stored_texts::pause_until(db, time::now() + PIM_PAUSE)?;
            Ok(stored)
        }
    }
}

fn is_paused(db: &dyn Database, now: Millis) -> Result<bool, SqlError> {
    let until = stored_texts::paused_until(db)?;
    // If the clock was set back, the stored end of the pause may be far in the future. Such an end must not extend the pause.
    Ok(until.is_some_and(|until| now < until && until - now <= PIM_PAUSE))
}
