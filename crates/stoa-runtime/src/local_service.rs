//! In-process calls between the components of an app. The HTTP interface of the host calls the trait [`LocalService`], and the app
//! implements the trait. So the HTTP interface does not depend on the app.
use std::sync::Arc;

use http::{Request, Response, Uri};
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::body::Body;

/// The work that remains after the head of a response, in the form that wasmtime-wasi-http requires.
pub(crate) type Remainder = Box<dyn Future<Output = Result<(), Error>> + Send>;
/// A request in flight, in the form that wasmtime-wasi-http requires.
pub(crate) type Sending =
    Box<dyn Future<Output = Result<(Response<Body>, Remainder), Error>> + Send>;

/// A host name with this suffix names a component of the app.
const INTERNAL_HOST_SUFFIX: &str = ".spin.internal";

/// The component's name in a URL, for example `web` in `http://web.spin.internal/x`. None if the URL's host name does not have the
/// suffix for components.
pub(crate) fn component_name(url: &Uri) -> Option<&str> {
    url.host()?.strip_suffix(INTERNAL_HOST_SUFFIX)
}

/// Calls the components of an app in this process.
pub(crate) trait LocalService: Send + Sync {
    /// Calls the component that the request's URL names. `depth` is the number of nested in-process calls, including this call.
    ///
    /// # Errors
    /// If the component does not exist, or calls are nested too deep. The component then does not run.
    fn call(
        self: Arc<Self>,
        request: Request<Body>,
        depth: u32,
        timeouts: RequestOptions,
    ) -> Result<Sending, LocalCallError>;
}

/// The reason why an in-process call is rejected. Each variant holds the name of the called component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalCallError {
    /// The call names a component that the app does not have, or a component that does not answer requests.
    NoSuchComponent(String),
    /// The call is nested deeper than the limit.
    TooDeep(String),
}
