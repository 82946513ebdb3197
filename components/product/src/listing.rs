//! The list that a request names, and cursors that belong to one list only.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stoa_service::sql::{Database, SqlError};

use crate::domain::{Product, Release};
use crate::error::Error;
use crate::search::{self, Order, Progress};
use crate::store::{self, Place};
use crate::text;

/// A list of products.
#[derive(Debug)]
pub enum Listing {
    /// All products, or those of one category, by name.
    Browse {
        /// The category, if one is requested.
        category: Option<String>,
    },
    /// The products that have all the terms.
    Search {
        /// See [`text::search_terms`].
        terms: Vec<String>,
        /// The order of the results.
        order: Order,
    },
}

/// The end of a page of a list: the content of a page token.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// [`Listing::identity`]: the position is valid in no other list.
    list: String,
    /// The position; its shape depends on the list.
    at: Value,
}

impl Listing {
    /// Reads `q` and `category`; a blank value counts as absent.
    pub fn new(q: Option<&str>, category: Option<&str>, release: Release) -> Result<Self, Error> {
        let category = given(category);
        let Some(q) = given(q) else {
            return Ok(Self::Browse {
                category: category.map(str::to_owned),
            });
        };
        let terms = text::search_terms(q, category)?;
        let order = match release {
            Release::V1 => Order::Name,
            Release::V2 => Order::Relevance,
        };
        Ok(Self::Search { terms, order })
    }

    /// A text that is different for every list.
    fn identity(&self) -> String {
        match self {
            Self::Browse { category: None } => "all".to_owned(),
            Self::Browse { category: Some(c) } => format!("category:{c}"),
            Self::Search { terms, order } => {
                format!("{order:?}:{}", terms.join(",")).to_lowercase()
            }
        }
    }

    fn place<T: DeserializeOwned>(&self, cursor: Option<Cursor>) -> Result<Option<T>, Error> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        // The list is checked first, since the shape of the position depends on it.
        if cursor.list != self.identity() {
            return Err(Error::ForeignPageToken);
        }
        let place = serde_json::from_value(cursor.at);
        place.map(Some).map_err(|_| Error::ForeignPageToken)
    }

    /// The page of the list after `cursor`, and the cursor of the next page.
    pub fn page(
        &self,
        db: &dyn Database,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<(Vec<Product>, Option<Cursor>), Error> {
        match self {
            Self::Browse { category } => {
                let after: Place = self.place(cursor)?.unwrap_or_default();
                let mut found = store::list(db, category.as_deref(), &after, limit + 1)?;
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let more = found.len() > limit;
                found.truncate(limit);
                let last = found.last().filter(|_| more).map(|(place, _)| place);
                let next = last.map(|at| self.cursor(at)).transpose()?;
                let products = found.into_iter().map(|(_, product)| product);
                Ok((products.collect(), next))
            }
            Self::Search { terms, order } => {
                let from: Option<Progress> = self.place(cursor)?;
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let found = search::search(db, terms, *order, from, limit)?;
                let next = found.next.map(|at| self.cursor(&at)).transpose()?;
                Ok((store::by_id(db, &found.ids)?, next))
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

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
