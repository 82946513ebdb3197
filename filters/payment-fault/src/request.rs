//! The interface through which rules read a request.

/// Access to the values of a request. Each method may cost a call to Envoy, so rules read only the values that they need.
pub trait Request {
    /// The first value of the header or pseudo header `name`, which is in lower case.
    fn header(&self, name: &str) -> Option<Vec<u8>>;
    /// All values of the header `name`. A request may contain a header more than once. `name` is in lower case.
    fn headers(&self, name: &str) -> Vec<Vec<u8>>;
    /// The caller's SPIFFE identity, from its certificate.
    fn principal(&self) -> Option<Vec<u8>>;
}

/// The part of the request's body that rules can read now.
#[derive(Debug, Clone, Copy)]
pub enum Body<'b> {
    /// The body has not arrived, or only a part of it has arrived.
    NotYet,
    /// The whole body. Empty if the request has no body, or if the body is longer than `max_body_bytes`.
    Complete(&'b [u8]),
}
