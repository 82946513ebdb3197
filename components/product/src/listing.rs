//! Which list a request asks for, and page tokens that belong to one list only.

use serde::{Deserialize, Serialize};
use stoa_service::sql::Database;
use stoa_service::{Problem, page};

use crate::domain::{Product, Release};
use crate::search::{self, Order, Progress};
use crate::store::{self, Place};
use crate::text;

/// A list of products.
#[derive(Debug)]
pub enum Listing {
    /// All of them, or one category, by name.
    Browse {
        /// The category, where one is asked.
        category: Option<String>,
    },
    /// What has all the terms.
    Search {
        /// See [`text::search_terms`].
        terms: Vec<String>,
        /// In which order.
        order: Order,
    },
}

/// A page token's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor<T> {
    /// [`Listing::identity`]: the place means nothing in another list.
    list: String,
    at: T,
}

impl Listing {
    /// Reads `q` and `category`; blank is absent. 400 for a `q` without words.
    pub fn new(q: Option<&str>, category: Option<&str>, release: Release) -> Result<Self, Problem> {
        let category = given(category);
        let Some(q) = given(q) else {
            return Ok(Self::Browse {
                category: category.map(str::to_owned),
            });
        };
        let terms =
            text::search_terms(q, category).map_err(|e| Problem::bad_request("bad_search", e))?;
        let order = match release {
            Release::V1 => Order::Name,
            Release::V2 => Order::Relevance,
        };
        Ok(Self::Search { terms, order })
    }

    /// What tells this list from any other.
    fn identity(&self) -> String {
        match self {
            Self::Browse { category: None } => "all".to_owned(),
            Self::Browse { category: Some(c) } => format!("category:{c}"),
            Self::Search { terms, order } => {
                format!("{order:?}:{}", terms.join(",")).to_lowercase()
            }
        }
    }

    /// The place in `token`, or 400 if it is another list's.
    fn place<T: serde::de::DeserializeOwned>(
        &self,
        token: Option<&str>,
    ) -> Result<Option<T>, Problem> {
        let foreign = || {
            Problem::bad_request(
                "bad_page_token",
                "page_token: belongs to another list; leave it out to begin this one",
            )
        };
        // First the list, then the place: what a place looks like depends on the list.
        match page::cursor::<Cursor<serde_json::Value>>(token)? {
            None => Ok(None),
            Some(cursor) if cursor.list == self.identity() => serde_json::from_value(cursor.at)
                .map(Some)
                .map_err(|_| foreign()),
            Some(_) => Err(foreign()),
        }
    }

    /// A page of it and the token of the next.
    pub fn page(
        &self,
        db: &dyn Database,
        token: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Product>, Option<String>), Problem> {
        match self {
            Self::Browse { category } => {
                let after: Place = self.place(token)?.unwrap_or_default();
                let mut found = store::list(db, category.as_deref(), &after, limit + 1)?;
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let more = found.len() > limit;
                found.truncate(limit);
                let last = found.last().filter(|_| more).map(|(place, _)| place);
                let next = last.and_then(|at| self.token(at));
                Ok((
                    found.into_iter().map(|(_, product)| product).collect(),
                    next,
                ))
            }
            Self::Search { terms, order } => {
                let from: Option<Progress> = self.place(token)?;
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let found = search::search(db, terms, *order, from, limit)?;
                let next = found.next.and_then(|at| self.token(&at));
                Ok((store::by_id(db, &found.ids)?, next))
            }
        }
    }

    fn token<T: Serialize>(&self, at: &T) -> Option<String> {
        page::token(&Cursor {
            list: self.identity(),
            at,
        })
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
