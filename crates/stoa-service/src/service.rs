//! The trait of a service: its name, its routes, and its work after the response.

use crate::context::Context;
use crate::request::Request;
use crate::route::{Response, Route, dispatch};

/// A service. Its `http.rs` implements this for the application of its `app.rs`.
pub trait Service: Sized + 'static {
    /// The name: that of the folder, the package, the Spin component and the Kubernetes Service.
    const NAME: &'static str;
    /// Every route.
    const ROUTES: &'static [Route<Self>];

    /// Changes a response that is made without the application: the request cannot be read, or the application cannot be opened.
    fn finish_early(_response: &mut Response) {}

    /// Runs after the client has its response: slow calls here do not delay the client.
    fn after_response(&self, _context: &Context) {}

    /// Serves one request.
    fn answer(&self, request: Request) -> Response {
        dispatch(Self::ROUTES, self, request)
    }
}
