//! Tries to use one kind of configuration that a manifest can grant. The component `library-user` also includes this file, to show
//! that it can use its own grants.
use std::net::TcpStream;

use spin_sdk::{key_value, pg4, sqlite, sqlite3, variables};

/// Tries to use the kind of configuration that `kind` names, and returns the result. If this kind needs an address, a space and
/// the address follow the name.
pub(crate) fn probe(kind: &str) -> String {
    let (kind, address) = kind.split_once(' ').unwrap_or((kind, ""));
    match kind {
        "environment" => {
            let variables: Vec<_> = std::env::vars().map(|(n, v)| format!("{n}={v}")).collect();
            format!("{variables:?} {:?}", std::env::args().collect::<Vec<_>>())
        }
        "files" => format!("{:?}", wasi::filesystem::preopens::get_directories()),
        "variables" => describe(variables::get("secret")),
        "key_value_stores" => {
            describe(key_value::Store::open("default").map(|store| store.get_keys()))
        }
        "sqlite" => describe(sqlite::Connection::open("default").map(|_| "opened")),
        "sqlite3" => describe(sqlite3::Connection::open("default").map(|_| "opened")),
        "postgres" => describe(pg4::Connection::open(address).map(|_| "opened")),
        "http" => http(address),
        "tcp" => describe(TcpStream::connect(address).map(|_| "connected")),
        _ => format!("unknown kind {kind}"),
    }
}

fn describe<T: std::fmt::Debug, E: std::fmt::Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(value) => format!("has {value:?}"),
        Err(error) => format!("has not: {error:?}"),
    }
}

fn http(authority: &str) -> String {
    use wasi::http::types::{Fields, OutgoingRequest, Scheme};
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some(authority));
    let _ = request.set_path_with_query(Some("/"));
    describe(
        wasi::http::outgoing_handler::handle(request, None).map(|response| {
            response.subscribe().block();
            match response.get() {
                Some(Ok(Ok(response))) => response.status().to_string(),
                other => format!("{other:?}"),
            }
        }),
    )
}
