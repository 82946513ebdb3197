//! SQL for the PIM's texts, as the service fetched them last, and for the pause in calls to the PIM.

use stoa_service::sql::{Database, SqlError};
use stoa_service::time::Millis;
use stoa_service::{Sku, params};

use crate::domain::Texts;

/// Reads the stored texts of `sku`, and the time at which the texts were fetched.
pub fn find(db: &dyn Database, sku: &Sku) -> Result<Option<(Texts, Millis)>, SqlError> {
    db.execute(
        "SELECT description, image, fetched_at FROM product_pim WHERE sku = $1",
        params![sku],
    )?
    .one(|row| {
        let texts = Texts {
            description: row.get(0)?,
            image: row.get(1)?,
        };
        Ok((texts, row.get(2)?))
    })
}

/// Stores the texts of `sku`, which were fetched at `now`.
pub fn store(db: &dyn Database, sku: &Sku, texts: &Texts, now: Millis) -> Result<(), SqlError> {
    db.execute(
        "INSERT INTO product_pim (sku, description, image, fetched_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (sku) DO UPDATE SET description = excluded.description, image = excluded.image,
         fetched_at = excluded.fetched_at",
        params![sku, texts.description.as_ref(), texts.image.as_ref(), now],
    )
    .map(drop)
}

/// Reads the time until which calls to the PIM pause; `None` if no call has failed yet.
pub fn paused_until(db: &dyn Database) -> Result<Option<Millis>, SqlError> {
    db.execute("SELECT until FROM product_pim_pause WHERE id = 1", &[])?
        .one(|row| row.get(0))
}

/// Stores the time until which calls to the PIM pause.
pub fn pause_until(db: &dyn Database, until: Millis) -> Result<(), SqlError> {
    db.execute(
        "INSERT INTO product_pim_pause (id, until) VALUES (1, $1)
         ON CONFLICT (id) DO UPDATE SET until = excluded.until",
        params![until],
    )
    .map(drop)
}
