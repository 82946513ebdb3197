//! Calls from one component of an app to another, within this process. The host's HTTP interface makes them through this trait, the app
//! answers them: neither needs to know the other.
use std::sync::Arc;

use http::{Request, Response, Uri};
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::body::Body;

/// What is left to do after a response's head, as wasmtime-wasi-http has it.
pub(crate) type Remainder = Box<dyn Future<Output = Result<(), Error>> + Send>;
/// A request on its way, as wasmtime-wasi-http has it.
pub(crate) type Sending =
    Box<dyn Future<Output = Result<(Response<Body>, Remainder), Error>> + Send>;

/// Hosts under this are components of the app.
const INTERNAL: &str = ".spin.internal";

/// The component that a URL names, `web` for `http://web.spin.internal/x`; None for any other host.
pub(crate) fn component_name(url: &Uri) -> Option<&str> {
    url.host()?.strip_suffix(INTERNAL)
}

/// The components of an app.
pub(crate) trait LocalService: Send + Sync {
    /// Calls the component that the request's URL names. `depth` is the number of in-process calls that lead to it, this one included.
    ///
    /// # Errors
    /// Before anything runs: there is no such component, or the call may not be made.
    fn call(
        self: Arc<Self>,
        request: Request<Body>,
        depth: u32,
        timeouts: RequestOptions,
    ) -> Result<Sending, LocalCallError>;
}

/// Why an in-process call is not made. Each has the called component's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalCallError {
    /// No component of the app that answers requests has this name.
    NoSuchComponent(String),
    /// Calls are nested deeper than the limit.
    TooDeep(String),
}
