//! Checks a guest's response before it is sent: a client must never take a part of a response for the whole.
//!
//! The body of a failed guest ends with an error (see `HostState`'s drop). The effect on the client depends on when that happens.
//! Before anything is sent, the client gets an error response; afterwards, its connection breaks.
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::body::{Body, BodyError, empty, full};
use crate::gather::Gathered;

/// Why a response cannot be sent as the guest gave it.
#[derive(Debug)]
pub(crate) enum Unsendable {
    /// A status that only announces the final response. hyper cannot send one.
    Informational(StatusCode),
    /// The declared length is not a number.
    BadLength,
    /// The guest dropped its body before the end, or failed.
    Incomplete(BodyError),
    /// The body is shorter or longer than declared, in bytes.
    WrongLength { declared: u64, given: u64 },
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Informational(status) => write!(f, "it answered with the status {status}"),
            Self::BadLength => f.write_str("its content-length is not a number"),
            Self::Incomplete(error) => write!(f, "it did not finish its body: {error}"),
            Self::WrongLength { declared, given } => {
                write!(
                    f,
                    "its content-length is {declared}, its body has {given} bytes"
                )
            }
        }
    }
}

/// The response of a guest that still runs. Its body fails if its length differs from the declared one.
pub(crate) fn of_running(
    response: Response<Body>,
    method: &Method,
) -> Result<Response<Body>, Unsendable> {
    let declared = check_head(&response)?;
    if has_no_body(method, response.status()) {
        return Ok(response.map(|_| empty()));
    }
    Ok(match declared {
        Some(left) => response.map(|body| Declared { body, left }.boxed_unsync()),
        None => response,
    })
}

/// The response of a guest that has ended, with or without a failure. All of its body is here. So the client gets a
/// content-length, and hyper usually has one frame to write.
pub(crate) fn of_ended(
    response: Response<Body>,
    method: &Method,
    returned: bool,
) -> Result<Response<Body>, Unsendable> {
    let declared = check_head(&response)?;
    let no_body = has_no_body(method, response.status());
    let (mut parts, mut body) = response.into_parts();
    let mut here = Gathered::default();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => here.push(frame),
            Poll::Ready(None) => break,
            // With wasi:http, a guest that answers HEAD with a content-length cannot finish its body, since it wrote no bytes.
            Poll::Ready(Some(Err(_))) if no_body && returned => break,
            Poll::Ready(Some(Err(error))) => return Err(Unsendable::Incomplete(error)),
            Poll::Pending => {
                // Does not happen in practice: the sending side was dropped with the guest.
                let body = here.before(body).boxed_unsync();
                return of_running(Response::from_parts(parts, body), method);
            }
        }
    }
    let given = here.bytes();
    if no_body {
        if *method == Method::HEAD && given > 0 {
            let length = parts.headers.entry(header::CONTENT_LENGTH);
            length.or_insert(HeaderValue::from(given));
        }
        return Ok(Response::from_parts(parts, empty()));
    }
    match declared {
        Some(declared) if declared != given => Err(Unsendable::WrongLength { declared, given }),
        _ => Ok(Response::from_parts(parts, compact(here))),
    }
}

/// The declared length of a response. Fails if the response cannot be sent.
fn check_head(response: &Response<Body>) -> Result<Option<u64>, Unsendable> {
    if response.status().is_informational() {
        return Err(Unsendable::Informational(response.status()));
    }
    let Some(length) = response.headers().get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let digits = length.to_str().ok();
    // `parse` alone accepts a plus sign.
    let digits = digits.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    length.map(Some).ok_or(Unsendable::BadLength)
}

/// Whether the response has no body. Its declared length, if any, is then that of another response (RFC 9110, 6.4.1).
fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

fn compact(here: Gathered) -> Body {
    match here.into_single() {
        Ok(Some(data)) => full(data),
        Ok(None) => empty(),
        Err(several) => several.boxed_unsync(),
    }
}

/// A body of declared length. It fails if it ends earlier or has more bytes.
struct Declared {
    body: Body,
    left: u64,
}

impl http_body::Body for Declared {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let given = match &frame {
            // No frame follows trailers.
            Some(Ok(frame)) if frame.is_trailers() && self.left > 0 => {
                return Poll::Ready(Some(Err(BodyError::HttpResponseIncomplete)));
            }
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => 0,
            None if self.left > 0 => {
                return Poll::Ready(Some(Err(BodyError::HttpResponseIncomplete)));
            }
            None => 0,
        };
        match self.left.checked_sub(given) {
            Some(left) => {
                self.left = left;
                Poll::Ready(frame)
            }
            None => Poll::Ready(Some(Err(BodyError::HttpResponseBodySize(Some(given))))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
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
    fn a_whole_body_has_its_length_unless_trailers_follow() {
        for frames in [vec![], vec![data("one")], vec![data("one"), data("two")]] {
            let length = 3 * frames.len() as u64;
            let response = of_ended(response(None, frames), &Method::GET, true).unwrap();
            assert_eq!(response.body().size_hint().exact(), Some(length));
        }
        let trailers = || Ok(Frame::trailers(HeaderMap::new()));
        for frames in [vec![trailers()], vec![data("one"), trailers()]] {
            let response = of_ended(response(None, frames), &Method::GET, true).unwrap();
            assert_eq!(response.body().size_hint().exact(), None);
        }
    }

    #[test]
    fn a_length_that_is_not_that_of_the_body_is_refused() {
        for length in ["4", "7", "+6", "six", "-6", "6, 6", ""] {
            let frames = vec![data("one"), data("two")];
            let refused = of_ended(response(Some(length), frames), &Method::GET, true);
            assert!(refused.is_err(), "{length}");
        }
        let frames = vec![data("one"), data("two")];
        let response = of_ended(response(Some("6"), frames), &Method::GET, true).unwrap();
        assert_eq!(response.headers()["content-length"], "6");
    }

    #[tokio::test]
    async fn a_running_guest_is_held_to_the_length_it_declared() {
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
            let response = of_running(response(Some("6"), frames), &Method::GET).unwrap();
            let body = response.into_body().collect().await;
            assert_eq!(body.is_ok(), whole, "{given}");
        }
    }
}
