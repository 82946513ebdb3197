//! Bodies of requests and responses, and the limit on what a client may send.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

/// What a body may fail with.
pub use wasmtime_wasi_http::Error as BodyError;

/// A request's or response's body.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body of no bytes.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Replaces the body of a guest that has returned by one of known length where all of it is here already, which is the
/// common case: the client then gets a content-length, and hyper has one frame to write.
pub(crate) fn settle(mut body: Body) -> Body {
    if body.size_hint().exact().is_some() {
        return body;
    }
    let mut cx = Context::from_waker(Waker::noop());
    let first = match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(None) => return empty(),
        Poll::Ready(Some(Ok(frame))) => frame,
        Poll::Ready(Some(Err(e))) => return Pieces::Failed(Some(e)).boxed_unsync(),
        Poll::Pending => return body,
    };
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(None) => match first.into_data() {
            Ok(data) => full(data),
            Err(trailers) => Pieces::Two(Some(trailers), None, None).boxed_unsync(),
        },
        Poll::Ready(Some(second)) => {
            Pieces::Two(Some(first), Some(second), Some(body)).boxed_unsync()
        }
        Poll::Pending => Pieces::Two(Some(first), None, Some(body)).boxed_unsync(),
    }
}

/// Frames already taken from a body, then the rest of it.
enum Pieces {
    Failed(Option<BodyError>),
    Two(
        Option<Frame<Bytes>>,
        Option<Result<Frame<Bytes>, BodyError>>,
        Option<Body>,
    ),
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Failed(e) => Poll::Ready(e.take().map(Err)),
            Self::Two(first, second, rest) => {
                if let Some(frame) = first.take() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                if let Some(frame) = second.take() {
                    return Poll::Ready(Some(frame));
                }
                match rest {
                    Some(body) => Pin::new(body).poll_frame(cx),
                    None => Poll::Ready(None),
                }
            }
        }
    }
}

/// Set once a client has sent more than it may.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exceeded(Arc<AtomicBool>);

impl Exceeded {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request body that fails after `left` bytes.
pub(crate) struct Limited {
    body: Body,
    limit: u64,
    left: u64,
    exceeded: Exceeded,
}

impl Limited {
    pub(crate) fn new(body: Body, limit: u64, exceeded: Exceeded) -> Self {
        Self {
            body,
            limit,
            left: limit,
            exceeded,
        }
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.exceeded.get() {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.exceeded.0.store(true, Ordering::Relaxed);
                    let limit = self.limit;
                    return Poll::Ready(Some(Err(BodyError::HttpRequestBodySize(Some(limit)))));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
