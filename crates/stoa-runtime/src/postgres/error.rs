//! Converts errors of the PostgreSQL client to errors of the interface.
use super::values;
use crate::bindings::spin::postgres::postgres::{Error, QueryError};

/// Converts the error of a failed statement.
pub(super) fn statement_error(error: tokio_postgres::Error) -> Error {
    let text = with_causes(&error);
    match error.as_db_error() {
        Some(db) => Error::QueryFailed(QueryError::DbError(values::db_error(db, text))),
        None if error.is_closed() => Error::ConnectionFailed(text),
        None => Error::Other(text),
    }
}

/// The text of an error and of its causes, in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
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
