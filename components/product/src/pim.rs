//! The PIM's texts in place of the catalogue's own.
//!
//! What the PIM said is kept and asked for again when it is old. After a failure it is left in peace for a while; until
//! then what it said before holds, or the catalogue's own. Nothing here ever fails a request.

use serde_json::json;
use stoa_service::outbound::Outbound;
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::{self, Millis};
use stoa_service::{Context, log, params};

use crate::config::Config;
use crate::domain::Product;
use crate::ports::{self, Texts};

/// How long the PIM is not asked after a failure, in milliseconds: one slow answer in that time, not one a request.
pub const PAUSE: Millis = 30_000;
/// The longest description that is taken, in characters; a longer one is left out.
const MAX_DESCRIPTION: usize = 10_000;
/// The longest image path or URL that is taken, in bytes.
const MAX_IMAGE: usize = 2_000;

/// Puts the PIM's texts into `product`.
pub fn enrich(
    db: &dyn Database,
    outbound: &dyn Outbound,
    config: &Config,
    context: &Context,
    product: &mut Product,
) {
    let texts = current(db, outbound, config, context, &product.sku).unwrap_or_else(|error| {
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
    outbound: &dyn Outbound,
    config: &Config,
    context: &Context,
    sku: &str,
) -> Result<Texts, SqlError> {
    let now = time::now();
    let kept = db
        .execute(
            "SELECT description, image, fetched_at FROM product_pim WHERE sku = $1",
            params![sku],
        )?
        .one(|row| {
            let texts = Texts {
                description: row.get(0)?,
                image: row.get(1)?,
            };
            Ok((texts, row.get::<Millis>(2)?))
        })?;
    let (kept, fetched_at) = kept.map_or((Texts::default(), None), |(t, at)| (t, Some(at)));
    let ttl = i64::from(config.pim_ttl_seconds) * 1000;
    if fetched_at.is_some_and(|at| now - at < ttl) || paused(db, now)? {
        return Ok(kept);
    }
    match ports::texts(outbound, context, &config.pim_url, sku) {
        Ok(texts) => {
            let texts = usable(texts);
            db.execute(
                "INSERT INTO product_pim (sku, description, image, fetched_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (sku) DO UPDATE SET description = excluded.description, image = excluded.image,
                 fetched_at = excluded.fetched_at",
                params![sku, texts.description.as_ref(), texts.image.as_ref(), now],
            )?;
            Ok(texts)
        }
        Err(error) => {
            log::warn(
                context,
                "the PIM does not answer; it is left in peace for a while",
                json!({"sku": sku, "error": error.to_string(), "pause_ms": PAUSE}),
            );
            // From when it failed, not from when it was asked.
            let until = time::now() + PAUSE;
            db.execute(
                "INSERT INTO product_pim_pause (id, until) VALUES (1, $1)
                 ON CONFLICT (id) DO UPDATE SET until = excluded.until",
                params![until],
            )?;
            Ok(kept)
        }
    }
}

fn paused(db: &dyn Database, now: Millis) -> Result<bool, SqlError> {
    let until: Option<Millis> = db
        .execute("SELECT until FROM product_pim_pause WHERE id = 1", &[])?
        .one(|row| row.get(0))?;
    // A clock that was set back must not make the pause an age.
    Ok(until.is_some_and(|until| now < until && until - now <= PAUSE))
}

/// Leaves out what no page should be handed on: it comes from outside.
fn usable(texts: Texts) -> Texts {
    let is_text =
        |text: &String| !text.trim().is_empty() && text.chars().count() <= MAX_DESCRIPTION;
    let is_image = |image: &String| {
        let own = image.starts_with('/') && !image.starts_with("//");
        (own || image.starts_with("https://"))
            && image.len() <= MAX_IMAGE
            && image.bytes().all(|b| b.is_ascii_graphic())
    };
    Texts {
        description: texts.description.filter(is_text),
        image: texts.image.filter(is_image),
    }
}
