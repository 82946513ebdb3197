//! The phases in which operations run.

use proxy_wasm::types::{BufferType, MapType};

/// A phase of a stream or of the filter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Configure,
    RequestHeaders,
    RequestBody,
    /// Like the body, but only at its end.
    RequestEnd,
    RequestTrailers,
    ResponseHeaders,
    ResponseBody,
    ResponseEnd,
    ResponseTrailers,
    /// The next tick after a pause, for the stream.
    Tick,
    /// The next tick, paused or not.
    Later,
    /// Every tick, for the root.
    RootTick,
    RootDone,
    Call,
    /// Runs no operations. It makes the probe read the headers of a broken call as if they existed.
    BrokenCall,
    Log,
}

impl Phase {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "configure" => Self::Configure,
            "request-headers" => Self::RequestHeaders,
            "request-body" => Self::RequestBody,
            "request-end" => Self::RequestEnd,
            "request-trailers" => Self::RequestTrailers,
            "response-headers" => Self::ResponseHeaders,
            "response-body" => Self::ResponseBody,
            "response-end" => Self::ResponseEnd,
            "response-trailers" => Self::ResponseTrailers,
            "tick" => Self::Tick,
            "later" => Self::Later,
            "root-tick" => Self::RootTick,
            "root-done" => Self::RootDone,
            "call" => Self::Call,
            "broken-call" => Self::BrokenCall,
            "log" => Self::Log,
            other => panic!("no phase is called {other}"),
        }
    }

    /// The headers or trailers that `set`, `add`, `remove` and `get` use.
    pub(crate) fn map(self) -> MapType {
        match self {
            Self::RequestTrailers | Self::RequestEnd => MapType::HttpRequestTrailers,
            Self::ResponseHeaders | Self::ResponseBody => MapType::HttpResponseHeaders,
            Self::ResponseTrailers | Self::ResponseEnd => MapType::HttpResponseTrailers,
            _ => MapType::HttpRequestHeaders,
        }
    }

    /// The body that `body` and others use.
    pub(crate) fn body(self) -> BufferType {
        match self {
            Self::ResponseHeaders | Self::ResponseBody | Self::ResponseEnd => {
                BufferType::HttpResponseBody
            }
            _ => BufferType::HttpRequestBody,
        }
    }
}
