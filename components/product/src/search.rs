//! Searches products in an inverted index whose rows are already sorted as the results are.
//!
//! The table `product_terms` has a row for every term of every product. The rows of one term are sorted by name. A second index
//! sorts the rows by weight and name. So a page of a search for one term is one range of an index, however many products match.
//!
//! If a search has several terms, the rarest term is the leading term. The search reads the rows of the leading term. For the
//! product of each row, it looks up each other term by the table's primary key. A page ends after [`MAX_ROWS_READ`] rows, even if
//! the page is not full. The page token continues after the last row that was read. So the cost of a page has an upper limit, even
//! if the rarest term is common.

use serde::{Deserialize, Serialize};
use stoa_service::sql::{Database, SqlError, Value};

use crate::store::ListPosition;
use crate::text::{NAME_WEIGHT, TEXT_WEIGHT};

/// The maximum number of rows that a search reads for one page. The count includes only the rows of the leading term, which is the
/// rarest of the search's terms.
pub const MAX_ROWS_READ: usize = 1000;
/// The maximum number of rows that one SQL statement reads.
const MAX_BATCH: usize = 200;

/// How the results are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultOrder {
    /// The results are sorted by name.
    Name,
    /// Products whose name contains the leading term come first, then products that contain this term only in their text. Each of
    /// the two groups is sorted by name.
    Relevance,
}

impl ResultOrder {
    /// Returns the weights that the rows of the leading term can have, in the sequence in which the results list them. `None`
    /// stands for rows of any weight.
    fn weights(self) -> &'static [Option<i64>] {
        match self {
            ResultOrder::Name => &[None],
            ResultOrder::Relevance => &[Some(NAME_WEIGHT), Some(TEXT_WEIGHT)],
        }
    }
}

/// The progress of a search: the position at which the next page continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchProgress {
    /// The position of the leading term in the list of terms. All pages of a search have the same leading term.
    lead: usize,
    /// The position, in [`ResultOrder::weights`], of the weight whose rows the search reads at present.
    part: usize,
    /// The position of the last row that the search read.
    after: ListPosition,
}

/// One page of search results.
#[derive(Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// The ids of the products, sorted as the results are.
    pub ids: Vec<String>,
    /// The progress at which the next page continues; `None` on the last page.
    pub next: Option<SearchProgress>,
}

/// Returns the next page of products that have all `terms`: at most `limit` products after the position `from`. Without `from`,
/// returns the first page.
pub fn search(
    db: &dyn Database,
    terms: &[String],
    order: ResultOrder,
    from: Option<SearchProgress>,
    limit: usize,
) -> Result<SearchPage, SqlError> {
    let nothing = SearchPage {
        ids: Vec::new(),
        next: None,
    };
    let mut at = match from {
        Some(progress) => progress,
        None => match find_rarest_term(db, terms)? {
            Some(lead) => SearchProgress {
                lead,
                part: 0,
                after: ListPosition::default(),
            },
            None => return Ok(nothing),
        },
    };
    let weights = order.weights();
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
    while let Some(weight) = weights.get(at.part) {
        // The statement reads one row more than the page needs. This row shows whether there is a next page.
        let batch = if others.is_empty() {
            limit + 1 - ids.len()
        } else {
            // The size of the batch is the number of rows that the search has read so far. So at most half of all rows that the
            // search reads are unnecessary.
            let batch = read.min(MAX_BATCH).max(limit + 1);
            batch.min(MAX_ROWS_READ - read)
        };
        let rows = scan_rows(db, lead, *weight, &others, &at.after, batch)?;
        read += rows.len();
        let is_part_end = rows.len() < batch;
        for row in rows {
            if row.has_all_terms && ids.len() == limit {
                return Ok(SearchPage { ids, next: full });
            }
            at.after = row.position;
            if row.has_all_terms {
                ids.push(at.after.product_id.clone());
                if ids.len() == limit {
                    full = Some(at.clone());
                }
            }
        }
        if is_part_end {
            at.part += 1;
            at.after = ListPosition::default();
        }
        if read >= MAX_ROWS_READ && at.part < weights.len() {
            return Ok(SearchPage {
                ids,
                next: Some(full.unwrap_or(at)),
            });
        }
    }
    Ok(SearchPage { ids, next: None })
}

/// Returns the index of the term with the fewest products. Returns `None` if a term has no products.
fn find_rarest_term(db: &dyn Database, terms: &[String]) -> Result<Option<usize>, SqlError> {
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

/// A row of the leading term in the index.
struct ScannedRow {
    position: ListPosition,
    /// Whether the product of the row also has all other terms of the search.
    has_all_terms: bool,
}

fn scan_rows(
    db: &dyn Database,
    lead: &str,
    weight: Option<i64>,
    others: &[&String],
    after: &ListPosition,
    count: usize,
) -> Result<Vec<ScannedRow>, SqlError> {
    let mut values: Vec<Value> = others.iter().map(|term| Value::from(*term)).collect();
    let other_terms: String = (1..=others.len())
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
    let weight_condition = weight.map_or(String::new(), |weight| {
        format!("AND d.weight = {} ", next(weight.into()))
    });
    let (key, id) = (
        next((&after.name_key).into()),
        next((&after.product_id).into()),
    );
    let count = next(i64::try_from(count).unwrap_or(i64::MAX).into());
    let select = format!(
        "SELECT d.name_key, d.product_id, CAST(CASE WHEN 1 = 1{other_terms} THEN 1 ELSE 0 END AS BIGINT)
         FROM product_terms AS d
         WHERE d.term = {term} {weight_condition}AND (d.name_key, d.product_id) > ({key}, {id})
         ORDER BY d.name_key, d.product_id LIMIT {count}"
    );
    db.execute(&select, &values)?.map(|row| {
        Ok(ScannedRow {
            position: ListPosition {
                name_key: row.get(0)?,
                product_id: row.get(1)?,
            },
            has_all_terms: row.get(2)?,
        })
    })
}
