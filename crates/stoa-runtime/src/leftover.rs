//! The part of a request's body that the guest did not read. HTTP/1.1 cannot skip this unread part. If the whole unread part has
//! arrived, the runtime discards it. Otherwise the connection ends after the response, and the response announces this with
//! `connection: close`, so that the client does not send its next request on a closed connection.
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, header};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

/// The maximum size of an unread part that is discarded, in bytes. For a larger unread part, a new connection is cheaper than the
/// discarding.
const MAX_DISCARDED_BYTES: usize = 64 << 10;
/// The number of times that hyper may find no data in the socket before the unread part counts as incomplete. hyper passes on one
/// chunk at a time, and the chunk that ends the body may arrive later than the data.
const MAX_EMPTY_POLLS: u32 = 4;

/// A handle for the unread part of one body; None for a request without a body.
pub(crate) struct Leftover(Option<Arc<Mutex<State>>>);

enum State {
    /// The guest still has the body, and has not read the whole body.
    InUse,
    /// The guest has read the whole body.
    Read,
    /// The guest dropped the body before its end. The unread part can still be read.
    Dropped(Incoming),
    /// The guest dropped the body before the client sent any part of it. The client waits for `100 Continue`, but never gets it.
    NotRequested,
}

impl Leftover {
    /// Wraps a request's body. When the guest drops the wrapped body, the returned handle gets the unread part.
    pub(crate) fn watch(request: Request<Incoming>) -> (Request<Watched>, Self) {
        let awaits_continue = request.headers().contains_key(header::EXPECT);
        let has_body = !request.body().is_end_stream();
        let state = has_body.then(|| Arc::new(Mutex::new(State::InUse)));
        let watched = request.map(|body| Watched {
            body: Some(body),
            awaits_continue,
            state: state.clone(),
        });
        (watched, Self(state))
    }

    /// Discards the unread part if all of it has arrived. Returns whether the connection can serve the client's next request.
    pub(crate) async fn discard(&self) -> bool {
        let Some(state) = &self.0 else {
            return true;
        };
        let state = std::mem::replace(&mut *lock(state), State::InUse);
        match state {
            State::Read => true,
            State::InUse | State::NotRequested => false,
            State::Dropped(body) => discard_rest(body).await,
        }
    }
}

/// Reads the rest of `body`; false if the rest is incomplete, invalid or too large.
async fn discard_rest(mut body: Incoming) -> bool {
    let mut bytes_left = MAX_DISCARDED_BYTES;
    let mut empty_polls_left = MAX_EMPTY_POLLS;
    while !body.is_end_stream() {
        let frame = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        match frame {
            Poll::Ready(None) => return true,
            Poll::Ready(Some(Err(_))) => return false,
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match bytes_left.checked_sub(length) {
                    Some(rest) => bytes_left = rest,
                    None => return false,
                }
            }
            Poll::Pending if empty_polls_left == 0 => return false,
            Poll::Pending => {
                empty_polls_left -= 1;
                tokio::task::yield_now().await;
            }
        }
    }
    true
}

/// A request's body, which passes its unread part to the [`Leftover`].
pub(crate) struct Watched {
    /// The request's body; None only while this value is dropped.
    body: Option<Incoming>,
    /// True if the client waits for `100 Continue`, and the guest has not read from the body yet.
    awaits_continue: bool,
    /// The state that the [`Leftover`] reads; None after the final state was set.
    state: Option<Arc<Mutex<State>>>,
}

impl Watched {
    fn set_state(&mut self, state: State) {
        if let Some(shared) = self.state.take() {
            *lock(&shared) = state;
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.awaits_continue = false;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(Pin::new(&mut *body).poll_frame(cx));
        let ended =
            frame.is_none() || frame.as_ref().is_some_and(Result::is_ok) && body.is_end_stream();
        if ended {
            self.set_state(State::Read);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            let awaits_continue = self.awaits_continue;
            self.set_state(if awaits_continue {
                State::NotRequested
            } else {
                State::Dropped(body)
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
