//! The trait of a service: its name, its routes, and its work after the response.

use crate::context::Context;
use crate::request::Request;
use crate::route::{Response, Route, dispatch};

/// A service. Each component implements this trait in `http.rs`, for the type `App` of its `app.rs`.
pub trait Service: Sized + 'static {
    /// The service's name. Its folder, package, Spin component and Kubernetes Service have the same name.
    const NAME: &'static str;
    /// All routes of the service.
    const ROUTES: &'static [Route<Self>];

    /// Changes an error response that is made before the application exists. Such an error means that the request cannot be read or
    /// the application cannot be opened. The default changes nothing.
    fn finish_early(_response: &mut Response) {}

    /// Runs after the response was sent, so slow calls here do not delay the client. The default does nothing.
    fn after_response(&self, _context: &Context) {}

    /// Serves one request.
    fn answer(&self, request: Request) -> Response {
        dispatch(Self::ROUTES, self, request)
    }
}
