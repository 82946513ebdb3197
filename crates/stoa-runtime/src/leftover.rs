//! The unread rest of a request's body. HTTP/1.1 cannot skip it. If all of the rest has arrived, it is discarded; otherwise the
//! connection ends with the response. A client that does not know this sends its next request on a closed connection.
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, header};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

/// Bytes that are read only to discard them. More would not be worth it.
const MOST_THROWN_AWAY: usize = 64 << 10;
/// Turns that hyper gets to read more from the socket before the rest counts as incomplete. It passes on one chunk per
/// turn; the last chunk may arrive separately.
const TURNS: u32 = 4;

/// The rest of one body; None for a request without a body.
pub(crate) struct Leftover(Option<Arc<Mutex<State>>>);

enum State {
    /// The guest has the body, and has not read all of it.
    InUse,
    /// Nothing is left.
    Read,
    /// The guest dropped the body; the rest may still be read.
    Dropped(Incoming),
    /// As `Dropped`, but the client waits for `100 Continue` before it sends the body, and never gets it.
    NotAskedFor,
}

impl Leftover {
    /// Watches a request's body on its way to a guest.
    pub(crate) fn watch(request: Request<Incoming>) -> (Request<Watched>, Self) {
        let withheld = request.headers().contains_key(header::EXPECT);
        let some = !request.body().is_end_stream();
        let state = some.then(|| Arc::new(Mutex::new(State::InUse)));
        let watched = request.map(|body| Watched {
            body: Some(body),
            withheld,
            state: state.clone(),
        });
        (watched, Self(state))
    }

    /// Whether the client's next request may follow on the same connection.
    pub(crate) async fn is_read(&self) -> bool {
        let Some(state) = &self.0 else {
            return true;
        };
        let state = std::mem::replace(&mut *lock(state), State::InUse);
        match state {
            State::Read => true,
            State::InUse | State::NotAskedFor => false,
            State::Dropped(body) => throw_away(body).await,
        }
    }
}

async fn throw_away(mut body: Incoming) -> bool {
    let mut left = MOST_THROWN_AWAY;
    let mut turns = TURNS;
    while !body.is_end_stream() {
        let frame = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        match frame {
            Poll::Ready(None) => return true,
            Poll::Ready(Some(Err(_))) => return false,
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(length) {
                    Some(rest) => left = rest,
                    None => return false,
                }
            }
            Poll::Pending if turns == 0 => return false,
            Poll::Pending => {
                turns -= 1;
                tokio::task::yield_now().await;
            }
        }
    }
    true
}

/// A body that passes its unread rest to its [`Leftover`].
pub(crate) struct Watched {
    /// None while this is dropped.
    body: Option<Incoming>,
    withheld: bool,
    /// Receives the state, once.
    state: Option<Arc<Mutex<State>>>,
}

impl Watched {
    fn leave(&mut self, state: State) {
        if let Some(to) = self.state.take() {
            *lock(&to) = state;
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
        self.withheld = false;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(Pin::new(&mut *body).poll_frame(cx));
        let ended =
            frame.is_none() || frame.as_ref().is_some_and(Result::is_ok) && body.is_end_stream();
        if ended {
            self.leave(State::Read);
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
            let withheld = self.withheld;
            self.leave(if withheld {
                State::NotAskedFor
            } else {
                State::Dropped(body)
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
