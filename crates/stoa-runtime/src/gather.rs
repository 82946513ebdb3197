//! Gathers the frames of a body. The runtime gathers the body of a response whose guest has ended, and the bodies of some requests.
//!
//! Usually, a guest starts at once and gets its request's body piece by piece. But a slow client would then hold an instance for as
//! long as it sends the body, for example one byte per second. So only half of all instances may wait for bodies. For further
//! requests, the runtime gathers the body before the guest starts. Until the guest starts, such a request holds only a connection
//! and the bytes that have arrived.
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::body::{Body, BodyError};

/// The maximum number of bytes of a request's body that are gathered before the guest starts. The guest gets the rest of a larger
/// body piece by piece.
pub(crate) const MAX_GATHERED_BYTES: u64 = 256 << 10;

/// Waits until the body is complete, or until more than `up_to` bytes have arrived, and returns the body.
///
/// # Errors
/// If the client disconnects, or sends an invalid body.
pub(crate) async fn gather(mut body: Body, up_to: u64) -> Result<Body, BodyError> {
    let mut gathered = Gathered::default();
    while gathered.bytes <= up_to {
        let Some(frame) = body.frame().await.transpose()? else {
            return Ok(gathered.boxed_unsync());
        };
        gathered.push(frame);
    }
    Ok(gathered.followed_by(body).boxed_unsync())
}

/// A body that starts with the gathered frames, and continues with the rest of the original body.
#[derive(Default)]
pub(crate) struct Gathered {
    frames: VecDeque<Frame<Bytes>>,
    bytes: u64,
    rest: Option<Body>,
}

impl Gathered {
    pub(crate) fn push(&mut self, frame: Frame<Bytes>) {
        self.bytes += length(&frame);
        self.frames.push_back(frame);
    }

    /// The number of gathered bytes that were not read yet.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends `rest`, the rest of the original body, to the gathered frames.
    pub(crate) fn followed_by(mut self, rest: Body) -> Self {
        self.rest = Some(rest);
        self
    }

    /// Returns the data of the body if the body has at most one frame and no trailers; otherwise returns the body itself, as an
    /// error.
    pub(crate) fn into_single(mut self) -> Result<Option<Bytes>, Self> {
        if self.rest.is_some() || self.frames.len() > 1 {
            return Err(self);
        }
        match self.frames.pop_front().map(Frame::into_data) {
            None => Ok(None),
            Some(Ok(data)) => Ok(Some(data)),
            Some(Err(trailers)) => {
                self.frames.push_back(trailers);
                Err(self)
            }
        }
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}

impl http_body::Body for Gathered {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(frame) = self.frames.pop_front() {
            self.bytes -= length(&frame);
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        // If a body's size hint is exact, hyper sends a content-length, and then cannot send trailers. So the hint of a body with
        // trailers is not exact.
        let trailers = self.frames.back().is_some_and(Frame::is_trailers);
        let rest = match &self.rest {
            Some(rest) => rest.size_hint(),
            None if trailers => SizeHint::default(),
            None => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(self.bytes.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(self.bytes.saturating_add(upper));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use http::HeaderMap;
    use http_body::{Body as _, Frame};
    use http_body_util::{BodyExt, StreamBody};
    use wasmtime_wasi_http::Error;

    use super::gather;
    use crate::body::Body;

    fn body_of(frames: Vec<Result<Frame<Bytes>, Error>>) -> Body {
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    fn data(text: &'static str) -> Result<Frame<Bytes>, Error> {
        Ok(Frame::data(Bytes::from(text)))
    }

    async fn text(body: Body) -> (String, bool) {
        let all = body.collect().await.unwrap();
        let trailers = all.trailers().is_some();
        (String::from_utf8(all.to_bytes().into()).unwrap(), trailers)
    }

    #[tokio::test]
    async fn a_complete_body_has_an_exact_length_and_keeps_all_frames() {
        for parts in [vec![], vec!["one"], vec!["one", "two", "three"]] {
            let whole = parts.concat();
            let body = body_of(parts.into_iter().map(data).collect());
            let body = gather(body, 100).await.unwrap();
            assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
            assert_eq!(text(body).await, (whole, false));
        }
        let trailers = Ok(Frame::trailers(HeaderMap::new()));
        let body = body_of(vec![data("a"), data("b"), trailers]);
        let body = gather(body, 100).await.unwrap();
        assert_eq!(text(body).await, ("ab".to_owned(), true));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_returned_before_its_end() {
        let begun = stream::iter([data("four"), data("five")]);
        let endless = begun.chain(stream::pending());
        let mut body = gather(StreamBody::new(endless).boxed_unsync(), 7)
            .await
            .unwrap();
        assert_eq!(
            (body.size_hint().lower(), body.size_hint().upper()),
            (8, None)
        );
        for part in ["four", "five"] {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), part);
        }
    }

    #[tokio::test]
    async fn a_truncated_body_is_an_error() {
        let broken = body_of(vec![data("a"), Err(Error::ConnectionTerminated)]);
        assert!(gather(broken, 100).await.is_err());
        let empty = http_body_util::Empty::new().map_err(|never: Infallible| match never {});
        assert!(
            gather(empty.boxed_unsync(), 100)
                .await
                .unwrap()
                .is_end_stream()
        );
    }
}
