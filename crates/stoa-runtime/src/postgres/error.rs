//! Converts errors of the PostgreSQL client to errors of the interface.
use std::io;
use std::time::Duration;

use deadpool_postgres::{PoolError, TimeoutType};
use rustls::CertificateError;

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

/// Describes an address that cannot be parsed. The text does not contain the address, which contains a password.
pub(crate) fn address_error(error: &tokio_postgres::Error) -> String {
    let text = format!("cannot parse the address: {}", with_causes(error));
    match text.ends_with("`sslmode`") {
        true => text + "; expected disable, prefer or require",
        false => text,
    }
}

/// The reason why a pool has no connection for a guest, in one line. `timeout` is the pool's timeout.
pub(super) fn connect_error(error: &PoolError, timeout: Duration) -> String {
    let seconds = timeout.as_secs();
    match error {
        PoolError::Timeout(TimeoutType::Wait) => {
            format!("no connection of the pool became free within {seconds} s")
        }
        PoolError::Timeout(_) => {
            format!("the server did not accept a connection within {seconds} s")
        }
        PoolError::Backend(error) => match error.as_db_error() {
            Some(db) => {
                let (severity, code) = (db.severity(), db.code().code());
                format!("{severity}: {} (SQLSTATE {code})", db.message())
            }
            None if is_from_unknown_authority(error) => format!(
                "{}: the certificate's authority is not among the trusted authorities, which SSL_CERT_FILE and SSL_CERT_DIR name",
                with_causes(error)
            ),
            None => with_causes(error),
        },
        other => with_causes(other),
    }
}

/// True if the server's certificate is from an authority that is not trusted.
fn is_from_unknown_authority(error: &tokio_postgres::Error) -> bool {
    let tls = std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .and_then(io::Error::get_ref)
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(
        tls,
        Some(rustls::Error::InvalidCertificate(
            // The signature does not match if a trusted authority has the same name, but another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        ))
    )
}

/// The text of an error and of its causes, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
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
