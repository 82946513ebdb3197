//! Searching: an inverted index whose ranges are in the order of the results.
//!
//! `product_terms` has a row for every term of every product. Rows of one term are sorted by name, and in
//! its second index by weight and name. So a page of a search for one term is one range of an index,
//! for any number of matching products. With several terms the rarest one leads; the others are looked up for each of its rows,
//! by their whole key. If even the rarest is common, a page ends after [`MAX_READ`] rows, full or not, and its token
//! continues from there: no search costs more than that.

use serde::{Deserialize, Serialize};
use stoa_service::sql::{Database, SqlError, Value};

use crate::store::Place;
use crate::text::{IN_NAME, IN_TEXT};

/// The most rows of the leading term that one page reads.
pub const MAX_READ: usize = 1000;
/// The most rows that are read at a time.
const LARGEST_HELPING: usize = 200;

/// The order of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Name,
    /// Products with the leading term in the name first, then those with it in their text only; each group by name.
    Relevance,
}

impl Order {
    /// The weights of the leading term, in the order of the results; `None` is any weight.
    fn parts(self) -> &'static [Option<i64>] {
        match self {
            Order::Name => &[None],
            Order::Relevance => &[Some(IN_NAME), Some(IN_TEXT)],
        }
    }
}

/// The progress of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The index of the leading term: it stays the same from page to page.
    lead: usize,
    /// The index of the current part of the results.
    part: usize,
    /// The last row that was read.
    after: Place,
}

/// A page of a search.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The products, in order.
    pub ids: Vec<String>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Progress>,
}

/// The products that have all `terms`, at most `limit`, continuing after `from`.
pub fn search(
    db: &dyn Database,
    terms: &[String],
    order: Order,
    from: Option<Progress>,
    limit: usize,
) -> Result<Found, SqlError> {
    let nothing = Found {
        ids: Vec::new(),
        next: None,
    };
    let mut at = match from {
        Some(progress) => progress,
        None => match rarest(db, terms)? {
            Some(lead) => Progress {
                lead,
                part: 0,
                after: Place::default(),
            },
            None => return Ok(nothing),
        },
    };
    let parts = order.parts();
    let Some(lead) = terms.get(at.lead) else {
        return Ok(nothing);
    };
    let others: Vec<&String> = terms
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != at.lead)
        .map(|(_, term)| term)
        .collect();

    let (mut ids, mut full, mut read) = (Vec::new(), None, 0);
    while let Some(weight) = parts.get(at.part) {
        // One more than fits shows whether there is a next page.
        let helping = if others.is_empty() {
            limit + 1 - ids.len()
        } else {
            // As many rows again as were read without success, so that at most half of the reads are wasted.
            let helping = read.min(LARGEST_HELPING).max(limit + 1);
            helping.min(MAX_READ - read)
        };
        let rows = scan(db, lead, *weight, &others, &at.after, helping)?;
        read += rows.len();
        let last = rows.len() < helping;
        for row in rows {
            if row.hit && ids.len() == limit {
                return Ok(Found { ids, next: full });
            }
            at.after = row.place;
            if row.hit {
                ids.push(at.after.product_id.clone());
                if ids.len() == limit {
                    full = Some(at.clone());
                }
            }
        }
        if last {
            at.part += 1;
            at.after = Place::default();
        }
        if read >= MAX_READ && at.part < parts.len() {
            return Ok(Found {
                ids,
                next: Some(full.unwrap_or(at)),
            });
        }
    }
    Ok(Found { ids, next: None })
}

/// The index of the term with the fewest products; `None` if one of the terms has no product.
fn rarest(db: &dyn Database, terms: &[String]) -> Result<Option<usize>, SqlError> {
    if terms.len() == 1 {
        return Ok(Some(0));
    }
    let mut best: Option<(i64, usize)> = None;
    for (index, term) in terms.iter().enumerate() {
        let products: Option<i64> = db
            .execute(
                "SELECT products FROM product_term_counts WHERE term = $1",
                &[term.into()],
            )?
            .one(|row| row.get(0))?;
        let Some(products) = products else {
            return Ok(None);
        };
        if best.is_none_or(|(fewest, _)| products < fewest) {
            best = Some((products, index));
        }
    }
    Ok(best.map(|(_, index)| index))
}

/// A row of the leading term.
struct Scanned {
    place: Place,
    /// Whether the product also has the other terms.
    hit: bool,
}

fn scan(
    db: &dyn Database,
    lead: &str,
    weight: Option<i64>,
    others: &[&String],
    after: &Place,
    count: usize,
) -> Result<Vec<Scanned>, SqlError> {
    let mut values: Vec<Value> = others.iter().map(|term| Value::from(*term)).collect();
    let looked_up: String = (1..=others.len())
        .map(|n| {
            format!(
                " AND EXISTS (SELECT 1 FROM product_terms AS t WHERE t.term = ${n} AND t.name_key = d.name_key
                 AND t.product_id = d.product_id)"
            )
        })
        .collect();
    let mut next = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let term = next(lead.into());
    let of_weight = weight.map_or(String::new(), |weight| {
        format!("AND d.weight = {} ", next(weight.into()))
    });
    let (key, id) = (
        next((&after.name_key).into()),
        next((&after.product_id).into()),
    );
    let count = next(i64::try_from(count).unwrap_or(i64::MAX).into());
    let select = format!(
        "SELECT d.name_key, d.product_id, CAST(CASE WHEN 1 = 1{looked_up} THEN 1 ELSE 0 END AS BIGINT)
         FROM product_terms AS d
         WHERE d.term = {term} {of_weight}AND (d.name_key, d.product_id) > ({key}, {id})
         ORDER BY d.name_key, d.product_id LIMIT {count}"
    );
    db.execute(&select, &values)?.map(|row| {
        Ok(Scanned {
            place: Place {
                name_key: row.get(0)?,
                product_id: row.get(1)?,
            },
            hit: row.get(2)?,
        })
    })
}
