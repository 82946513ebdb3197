//! Errors in the interface's terms.
use super::values;
use crate::bindings::spin::postgres::postgres::{Error, QueryError};

/// The error of a failed statement.
pub(super) fn failed(error: tokio_postgres::Error) -> Error {
    let text = chain(&error);
    match error.as_db_error() {
        Some(db) => Error::QueryFailed(QueryError::DbError(values::db_error(db, text))),
        None if error.is_closed() => Error::ConnectionFailed(text),
        None => Error::Other(text),
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
