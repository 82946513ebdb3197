//! A request, as rules read it.

/// The values of a request. Each method may cost a call to Envoy, so rules read a value only where they need it.
pub trait Request {
    /// The first value of a header, or a pseudo header, by its name in lower case.
    fn header(&self, name: &str) -> Option<Vec<u8>>;
    /// All values of a header that may be sent more than once.
    fn headers(&self, name: &str) -> Vec<Vec<u8>>;
    /// The caller's SPIFFE identity, from its certificate.
    fn principal(&self) -> Option<Vec<u8>>;
}

/// How much of the request's body has arrived.
#[derive(Debug, Clone, Copy)]
pub enum Body<'b> {
    /// None of it, or a part.
    NotYet,
    /// All of it; empty, if the request has none or it is longer than configured.
    Complete(&'b [u8]),
}
