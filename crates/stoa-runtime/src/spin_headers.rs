//! The request headers that report the route, the URL and the client to a guest. Their names and values are the same as in Spin.
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use crate::routes::Match;

/// The client address that a guest gets if the call does not come from a socket.
pub(crate) const IN_PROCESS_ADDRESS: HeaderValue = HeaderValue::from_static("127.0.0.1:0");

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// Sets the headers of a request that matches a route. `client` is the address of the client.
pub(crate) fn insert_route(
    headers: &mut HeaderMap,
    uri: &http::Uri,
    found: &Match<'_, '_>,
    client: HeaderValue,
) {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let host = host.or(uri.authority().map(|a| a.as_str()));
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let full_url = ["http://", host.unwrap_or("localhost"), path].concat();
    headers.reserve(8);
    if let Ok(full_url) = HeaderValue::try_from(full_url) {
        headers.insert(FULL_URL, full_url);
    }
    if let Ok(wildcard_path) = HeaderValue::try_from(found.wildcard_path()) {
        headers.insert(PATH_INFO, wildcard_path);
    }
    headers.insert(MATCHED_ROUTE, found.route.matched.clone());
    headers.insert(RAW_COMPONENT_ROUTE, found.route.raw.clone());
    headers.insert(COMPONENT_ROUTE, found.route.prefix.clone());
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(CLIENT_ADDR, client);
    for (name, param) in found.params() {
        let name = name.to_ascii_lowercase().replace('_', "-");
        let name = HeaderName::try_from(format!("spin-path-match-{name}"));
        if let (Ok(name), Ok(param)) = (name, HeaderValue::from_str(param)) {
            headers.insert(name, param);
        }
    }
}

/// Sets Spin's headers of an in-process call. Such a request names its component directly and so matches no route; the headers have
/// the values of the route `/...`.
pub(crate) fn insert_call<B>(request: &mut Request<B>, component: &str) {
    let any_path = HeaderValue::from_static("/...");
    let path = HeaderValue::from_str(request.uri().path()).ok();
    let host = match request.uri().authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()),
        None => HeaderValue::try_from(format!("{component}.spin.internal")),
    };
    let headers = request.headers_mut();
    headers.reserve(8);
    if let Ok(host) = host {
        headers.entry(header::HOST).or_insert(host);
    }
    if let Some(path) = path {
        headers.insert(PATH_INFO, path);
    }
    headers.insert(MATCHED_ROUTE, any_path.clone());
    headers.insert(RAW_COMPONENT_ROUTE, any_path);
    headers.insert(COMPONENT_ROUTE, HeaderValue::from_static(""));
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(CLIENT_ADDR, IN_PROCESS_ADDRESS);
}
