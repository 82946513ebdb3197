//! The phases of a program. Each operation of the program runs in one phase.

use proxy_wasm::types::{BufferType, MapType};

/// A phase of a stream or of the root context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Configure,
    RequestHeaders,
    RequestBody,
    /// As the phase `RequestBody`, but only for the last piece of the request's body.
    RequestEnd,
    RequestTrailers,
    ResponseHeaders,
    ResponseBody,
    /// As the phase `ResponseBody`, but only for the last piece of the response's body.
    ResponseEnd,
    ResponseTrailers,
    /// The next tick after the filter paused the stream. The operations run in the stream's context.
    Tick,
    /// The next tick, even if the filter did not pause the stream. The operations run in the stream's context.
    Later,
    /// Every tick. The operations run in the root context.
    RootTick,
    RootDone,
    Call,
    /// This phase runs no operations. If a program contains this phase, the probe reads the response headers of a broken HTTP
    /// call, although such a call has none.
    BrokenCall,
    Log,
}

impl Phase {
    pub(crate) fn from_name(name: &str) -> Self {
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
            other => panic!("unknown phase {other}"),
        }
    }

    /// The map of headers or trailers that the operations `set`, `add`, `remove` and `get` use.
    pub(crate) fn map(self) -> MapType {
        match self {
            Self::RequestTrailers | Self::RequestEnd => MapType::HttpRequestTrailers,
            Self::ResponseHeaders | Self::ResponseBody => MapType::HttpResponseHeaders,
            Self::ResponseTrailers | Self::ResponseEnd => MapType::HttpResponseTrailers,
            _ => MapType::HttpRequestHeaders,
        }
    }

    /// The body that the operations `body`, `prepend`, `append`, `insert` and `show-body` use.
    pub(crate) fn body(self) -> BufferType {
        match self {
            Self::ResponseHeaders | Self::ResponseBody | Self::ResponseEnd => {
                BufferType::HttpResponseBody
            }
            _ => BufferType::HttpRequestBody,
        }
    }
}
