//! The headers of a request in Envoy.

use stoa_filter::envoy;
use stoa_filter::pairs::Pairs;

use crate::reply::RequestInfo;
use crate::request::Request;

/// The request's headers, read from Envoy in one call.
pub(crate) struct Head(Pairs);

impl Request for Head {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.0.get(name)
    }

    fn headers(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.all(name).map(<[u8]>::to_vec).collect()
    }

    fn principal(&self) -> Option<Vec<u8>> {
        envoy::peer_identity()
    }
}

impl Head {
    /// Reads the headers of the current request.
    pub(crate) fn read() -> Self {
        Self(envoy::request_headers())
    }

    /// The parts of the request that a problem document repeats.
    pub(crate) fn request_info(&self) -> RequestInfo {
        let text = |name| {
            let value = self.0.get(name).unwrap_or_default();
            String::from_utf8_lossy(&value).into_owned()
        };
        let mut instance = text(":path");
        instance.truncate(instance.find('?').unwrap_or(instance.len()));
        RequestInfo {
            instance,
            request_id: text("x-request-id"),
            grpc: text("content-type").starts_with("application/grpc"),
        }
    }
}
