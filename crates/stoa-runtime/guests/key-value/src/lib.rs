//! Reads and writes key-value stores. `GET`, `PUT`, `DELETE` and `HEAD` on `/STORE/KEY` access one key; `GET /STORE` lists the
//! keys.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use spin_sdk::http::{IntoResponse, Method, Request, Response};
use spin_sdk::http_component;
use spin_sdk::key_value::{Error, Store};

#[http_component]
fn stores(request: Request) -> impl IntoResponse {
    match answer(&request) {
        Ok(Some(value)) => Response::new(200, value),
        Ok(None) => Response::new(404, "the key does not exist"),
        Err(error) => Response::new(500, format!("{error:?}")),
    }
}

fn answer(request: &Request) -> Result<Option<Vec<u8>>, Error> {
    let path = request.path().trim_start_matches('/');
    let (label, key) = path.split_once('/').unwrap_or((path, ""));
    let store = Store::open(label)?;
    if key.is_empty() {
        return Ok(Some(store.get_keys()?.join(",").into_bytes()));
    }
    match request.method() {
        Method::Put => store.set(key, request.body())?,
        Method::Delete => store.delete(key)?,
        Method::Head => return Ok(store.exists(key)?.then(Vec::new)),
        _ => return store.get(key),
    }
    Ok(Some(Vec::new()))
}
