//! The lists that a request can select, and the cursors of their pages. A cursor is valid for only one list.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stoa_service::sql::{Database, SqlError};

use crate::domain::{Product, Release};
use crate::error::Error;
use crate::search::{self, ResultOrder, SearchProgress};
use crate::store::{self, ListPosition};
use crate::text;

/// A list of products.
#[derive(Debug)]
pub enum Listing {
    /// All products, or all products of one category, sorted by name.
    Browse {
        /// The category; `None` for all categories.
        category: Option<String>,
    },
    /// The products that have all search terms.
    Search {
        /// The terms, as [`text::search_terms`] returns them.
        terms: Vec<String>,
        /// How the results are sorted.
        order: ResultOrder,
    },
}

/// The position at the end of a page. A page token contains a cursor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The identity ([`Listing::identity`]) of the list to which the position belongs.
    list: String,
    /// The position in the list. Its JSON structure depends on the kind of list.
    at: Value,
}

impl Listing {
    /// Selects the list for the parameters `q` and `category`. A blank value counts as absent.
    pub fn new(q: Option<&str>, category: Option<&str>, release: Release) -> Result<Self, Error> {
        let category = non_blank(category);
        let Some(q) = non_blank(q) else {
            return Ok(Self::Browse {
                category: category.map(str::to_owned),
            });
        };
        let terms = text::search_terms(q, category)?;
        let order = match release {
            Release::V1 => ResultOrder::Name,
            Release::V2 => ResultOrder::Relevance,
        };
        Ok(Self::Search { terms, order })
    }

    /// Returns a text that identifies the list: two different lists have different texts.
    fn identity(&self) -> String {
        match self {
            Self::Browse { category: None } => "all".to_owned(),
            Self::Browse { category: Some(c) } => format!("category:{c}"),
            Self::Search { terms, order } => {
                format!("{order:?}:{}", terms.join(",")).to_lowercase()
            }
        }
    }

    fn position<T: DeserializeOwned>(&self, cursor: Option<Cursor>) -> Result<Option<T>, Error> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        // The cursor's list is compared first, because a position in another list may have another JSON structure.
        if cursor.list != self.identity() {
            return Err(Error::ForeignPageToken);
        }
        let position = serde_json::from_value(cursor.at);
        position.map(Some).map_err(|_| Error::ForeignPageToken)
    }

    /// Reads the page after `cursor`, and returns its products and the cursor of the next page. Without a `cursor`, it reads the
    /// first page. The returned cursor is `None` if there is no next page.
    pub fn page(
        &self,
        db: &dyn Database,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<(Vec<Product>, Option<Cursor>), Error> {
        match self {
            Self::Browse { category } => {
                let after: ListPosition = self.position(cursor)?.unwrap_or_default();
                let mut found = store::list(db, category.as_deref(), &after, limit + 1)?;
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let has_more = found.len() > limit;
                found.truncate(limit);
                let last = found
                    .last()
                    .filter(|_| has_more)
                    .map(|(position, _)| position);
                let next = last.map(|at| self.cursor(at)).transpose()?;
                let products = found.into_iter().map(|(_, product)| product);
                Ok((products.collect(), next))
            }
            Self::Search { terms, order } => {
                let from: Option<SearchProgress> = self.position(cursor)?;
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let found = search::search(db, terms, *order, from, limit)?;
                let next = found.next.map(|at| self.cursor(&at)).transpose()?;
                Ok((store::find_by_ids(db, &found.ids)?, next))
            }
        }
    }

    fn cursor<T: Serialize>(&self, at: &T) -> Result<Cursor, Error> {
        let at = serde_json::to_value(at).map_err(|e| SqlError::Other(e.to_string()))?;
        Ok(Cursor {
            list: self.identity(),
            at,
        })
    }
}

fn non_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
