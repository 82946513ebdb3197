//! Calls from one component of an app to another, within this process. The host's HTTP interface calls this trait and the app
//! implements it, so neither depends on the other.
use std::sync::Arc;

use http::{Request, Response, Uri};
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::body::Body;

/// The work that remains after a response's head, as wasmtime-wasi-http defines it.
pub(crate) type Remainder = Box<dyn Future<Output = Result<(), Error>> + Send>;
/// A request in flight, as wasmtime-wasi-http defines it.
pub(crate) type Sending =
    Box<dyn Future<Output = Result<(Response<Body>, Remainder), Error>> + Send>;

/// Hosts below this domain are components of the app.
const INTERNAL: &str = ".spin.internal";

/// The component in a URL, `web` for `http://web.spin.internal/x`; None for any other host.
pub(crate) fn component_name(url: &Uri) -> Option<&str> {
    url.host()?.strip_suffix(INTERNAL)
}

/// The components of an app.
pub(crate) trait LocalService: Send + Sync {
    /// Calls the component in the request's URL. `depth` is the number of in-process calls that lead to it, this one included.
    ///
    /// # Errors
    /// Before anything runs: if the component does not exist, or the call is not allowed.
    fn call(
        self: Arc<Self>,
        request: Request<Body>,
        depth: u32,
        timeouts: RequestOptions,
    ) -> Result<Sending, LocalCallError>;
}

/// Why an in-process call is rejected. Each variant has the name of the called component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalCallError {
    /// No component of the app that answers requests has this name.
    NoSuchComponent(String),
    /// Calls are nested deeper than the limit.
    TooDeep(String),
}
