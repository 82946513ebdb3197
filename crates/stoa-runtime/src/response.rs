//! Checks a guest's response before the client gets it. A client must never mistake a part of a response for the whole response.
//!
//! The body of a failed guest ends with an error (see the `Drop` of `HostState`). If no part of the response was sent before the
//! failure, the client gets an error response. Otherwise the client's connection breaks.
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::body::{Body, BodyError, empty, full};
use crate::gather::Gathered;

/// The reason why a guest's response cannot be sent.
#[derive(Debug)]
pub(crate) enum Unsendable {
    /// The status is informational (1xx), so it only announces a final response. hyper cannot send an informational status as a
    /// response.
    Informational(StatusCode),
    /// The value of `content-length` is not a number.
    BadLength,
    /// The guest dropped the body before the body's end, or the guest failed.
    Incomplete(BodyError),
    /// The length of the body differs from `content-length`. `declared` and `given` are in bytes.
    WrongLength { declared: u64, given: u64 },
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Informational(status) => write!(
                f,
                "the guest answered with the status {status}, which is not a final status"
            ),
            Self::BadLength => f.write_str("the content-length of the response is not a number"),
            Self::Incomplete(error) => write!(
                f,
                "the guest did not finish the body of its response: {error}"
            ),
            Self::WrongLength { declared, given } => {
                write!(
                    f,
                    "the content-length of the response is {declared}, but its body has {given} bytes"
                )
            }
        }
    }
}

/// Checks the response of a guest that still runs. If the length of the body turns out to differ from the declared length, the
/// returned body fails.
pub(crate) fn from_running_guest(
    response: Response<Body>,
    method: &Method,
) -> Result<Response<Body>, Unsendable> {
    let declared = declared_length(&response)?;
    if has_no_body(method, response.status()) {
        return Ok(response.map(|_| empty()));
    }
    Ok(match declared {
        Some(bytes_left) => response.map(|body| DeclaredLength { body, bytes_left }.boxed_unsync()),
        None => response,
    })
}

/// Checks the response of a guest that has ended, with or without a failure. After the end of the guest, no more of the body can
/// follow. So the client gets a content-length, and hyper usually writes one frame.
pub(crate) fn from_ended_guest(
    response: Response<Body>,
    method: &Method,
    returned: bool,
) -> Result<Response<Body>, Unsendable> {
    let declared = declared_length(&response)?;
    let no_body = has_no_body(method, response.status());
    let (mut parts, mut body) = response.into_parts();
    let mut gathered = Gathered::default();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => gathered.push(frame),
            Poll::Ready(None) => break,
            // In wasi:http, a body without bytes cannot be finished if the response has a content-length. A response to HEAD may
            // have such a body, so the error is ignored.
            Poll::Ready(Some(Err(_))) if no_body && returned => break,
            Poll::Ready(Some(Err(error))) => return Err(Unsendable::Incomplete(error)),
            Poll::Pending => {
                // This case does not happen in practice: the sender of the body was dropped together with the guest, so no frame
                // can be pending.
                let body = gathered.followed_by(body).boxed_unsync();
                return from_running_guest(Response::from_parts(parts, body), method);
            }
        }
    }
    let given = gathered.bytes();
    if no_body {
        if *method == Method::HEAD && given > 0 {
            let length = parts.headers.entry(header::CONTENT_LENGTH);
            length.or_insert(HeaderValue::from(given));
        }
        return Ok(Response::from_parts(parts, empty()));
    }
    match declared {
        Some(declared) if declared != given => Err(Unsendable::WrongLength { declared, given }),
        _ => Ok(Response::from_parts(parts, into_body(gathered))),
    }
}

/// Returns the declared length of a response.
///
/// # Errors
/// If the response cannot be sent with its status or its declared length.
fn declared_length(response: &Response<Body>) -> Result<Option<u64>, Unsendable> {
    if response.status().is_informational() {
        return Err(Unsendable::Informational(response.status()));
    }
    let Some(length) = response.headers().get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let digits = length.to_str().ok();
    // The digits are checked first, because `parse` also accepts a plus sign.
    let digits = digits.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    length.map(Some).ok_or(Unsendable::BadLength)
}

/// True if the response has no body, for example a response to HEAD. The `content-length` of such a response may be the length of
/// another response, such as the response to GET (RFC 9110, 6.4.1).
fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

fn into_body(gathered: Gathered) -> Body {
    match gathered.into_single() {
        Ok(Some(data)) => full(data),
        Ok(None) => empty(),
        Err(gathered) => gathered.boxed_unsync(),
    }
}

/// A body whose length was declared. It fails if it contains fewer or more bytes than declared.
struct DeclaredLength {
    body: Body,
    bytes_left: u64,
}

impl http_body::Body for DeclaredLength {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let given = match &frame {
            // Trailers are the last frame, so the missing bytes of the body cannot follow.
            Some(Ok(frame)) if frame.is_trailers() && self.bytes_left > 0 => {
                return Poll::Ready(Some(Err(BodyError::HttpResponseIncomplete)));
            }
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => 0,
            None if self.bytes_left > 0 => {
                return Poll::Ready(Some(Err(BodyError::HttpResponseIncomplete)));
            }
            None => 0,
        };
        match self.bytes_left.checked_sub(given) {
            Some(bytes_left) => {
                self.bytes_left = bytes_left;
                Poll::Ready(frame)
            }
            None => Poll::Ready(Some(Err(BodyError::HttpResponseBodySize(Some(given))))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes_left)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http::HeaderMap;
    use http_body_util::StreamBody;

    use super::*;

    type Frames = Vec<Result<Frame<Bytes>, BodyError>>;

    fn data(text: &'static str) -> Result<Frame<Bytes>, BodyError> {
        Ok(Frame::data(Bytes::from(text)))
    }

    fn response(length: Option<&str>, frames: Frames) -> Response<Body> {
        let mut response = Response::builder();
        if let Some(length) = length {
            response = response.header("content-length", length);
        }
        let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
        response.body(body).unwrap()
    }

    #[test]
    fn a_complete_body_has_an_exact_length_unless_trailers_follow() {
        for frames in [vec![], vec![data("one")], vec![data("one"), data("two")]] {
            let length = 3 * frames.len() as u64;
            let response = from_ended_guest(response(None, frames), &Method::GET, true).unwrap();
            assert_eq!(response.body().size_hint().exact(), Some(length));
        }
        let trailers = || Ok(Frame::trailers(HeaderMap::new()));
        for frames in [vec![trailers()], vec![data("one"), trailers()]] {
            let response = from_ended_guest(response(None, frames), &Method::GET, true).unwrap();
            assert_eq!(response.body().size_hint().exact(), None);
        }
    }

    #[test]
    fn a_content_length_that_differs_from_the_body_is_rejected() {
        for length in ["4", "7", "+6", "six", "-6", "6, 6", ""] {
            let frames = vec![data("one"), data("two")];
            let refused = from_ended_guest(response(Some(length), frames), &Method::GET, true);
            assert!(refused.is_err(), "{length}");
        }
        let frames = vec![data("one"), data("two")];
        let response = from_ended_guest(response(Some("6"), frames), &Method::GET, true).unwrap();
        assert_eq!(response.headers()["content-length"], "6");
    }

    #[tokio::test]
    async fn the_body_of_a_running_guest_must_have_its_declared_length() {
        let trailers = || Ok(Frame::trailers(HeaderMap::new()));
        let broken = || Err(BodyError::HttpProtocolError);
        for (frames, whole) in [
            (vec![data("one"), data("two")], true),
            (vec![data("one"), data("two"), trailers()], true),
            (vec![data("one")], false),
            (vec![data("one"), trailers()], false),
            (vec![data("one"), data("two, three")], false),
            (vec![data("one"), broken()], false),
        ] {
            let given = format!("{frames:?}");
            let response = from_running_guest(response(Some("6"), frames), &Method::GET).unwrap();
            let body = response.into_body().collect().await;
            assert_eq!(body.is_ok(), whole, "{given}");
        }
    }
}
