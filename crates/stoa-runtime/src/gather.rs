//! A request's body is waited for before its guest is started: a client that sends half of it and stops, or a byte a
//! second, then holds a connection and what it has sent, and none of the few instances that others need.
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::body::{Body, BodyError};

/// As much as is waited for; what is larger reaches the guest as it comes. No service of a shop reads more than this.
pub(crate) const UP_TO: u64 = 256 << 10;

/// The body once all of it is here, or more than `up_to` bytes of it.
///
/// # Errors
/// If the client breaks off, or what it sends is no body.
pub(crate) async fn gather(mut body: Body, up_to: u64) -> Result<Body, BodyError> {
    let mut gathered = Gathered::default();
    while gathered.bytes <= up_to {
        let Some(frame) = body.frame().await.transpose()? else {
            return Ok(gathered.boxed_unsync());
        };
        gathered.push(frame);
    }
    gathered.rest = Some(body);
    Ok(gathered.boxed_unsync())
}

/// Frames that have come, then the rest.
#[derive(Default)]
struct Gathered {
    frames: VecDeque<Frame<Bytes>>,
    bytes: u64,
    rest: Option<Body>,
}

impl Gathered {
    fn push(&mut self, frame: Frame<Bytes>) {
        self.bytes += length(&frame);
        self.frames.push_back(frame);
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
        let Some(rest) = &self.rest else {
            return SizeHint::with_exact(self.bytes);
        };
        let rest = rest.size_hint();
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

    fn of(frames: Vec<Result<Frame<Bytes>, Error>>) -> Body {
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
    async fn a_whole_body_has_a_length_and_loses_nothing() {
        for parts in [vec![], vec!["one"], vec!["one", "two", "three"]] {
            let whole = parts.concat();
            let body = of(parts.into_iter().map(data).collect());
            let body = gather(body, 100).await.unwrap();
            assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
            assert_eq!(text(body).await, (whole, false));
        }
        let trailers = Ok(Frame::trailers(HeaderMap::new()));
        let body = of(vec![data("a"), data("b"), trailers]);
        let body = gather(body, 100).await.unwrap();
        assert_eq!(text(body).await, ("ab".to_owned(), true));
    }

    #[tokio::test]
    async fn what_is_longer_goes_on_without_its_end() {
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
    async fn a_body_that_breaks_off_is_an_error() {
        let broken = of(vec![data("a"), Err(Error::ConnectionTerminated)]);
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
