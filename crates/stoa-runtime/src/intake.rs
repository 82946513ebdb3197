//! A request's body on its way to a guest. Its size is limited, and its progress is watched, because the progress
//! decides the response.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::admission::Receiving;
use crate::body::{Body, BodyError};

/// How much of a request's body has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Progress {
    /// The body has not ended, and the guest does not wait for it.
    Open,
    /// The guest waits for the client.
    Awaited,
    /// All of it reached the guest.
    Ended,
    /// The client sent more than the limit.
    TooLarge,
    /// The client disconnected, or sent an invalid body.
    Broken,
}

/// The [`Progress`] of one body, seen from outside.
#[derive(Clone, Debug)]
pub(crate) struct Intake(Arc<AtomicU8>);

impl Intake {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(Progress::Open as u8)))
    }

    pub(crate) fn progress(&self) -> Progress {
        const ALL: [Progress; 4] = [
            Progress::Awaited,
            Progress::Ended,
            Progress::TooLarge,
            Progress::Broken,
        ];
        let now = self.0.load(Ordering::Relaxed);
        let found = ALL.into_iter().find(|progress| *progress as u8 == now);
        found.unwrap_or(Progress::Open)
    }

    fn set(&self, progress: Progress) {
        self.0.store(progress as u8, Ordering::Relaxed);
    }
}

/// A request body that fails after `left` bytes.
pub(crate) struct Incoming {
    body: Body,
    limit: u64,
    left: u64,
    intake: Intake,
    /// Held until the body ends.
    receiving: Option<Receiving>,
}

impl Incoming {
    pub(crate) fn new(
        body: Body,
        limit: u64,
        intake: Intake,
        receiving: Option<Receiving>,
    ) -> Self {
        Self {
            body,
            limit,
            left: limit,
            intake,
            receiving,
        }
    }

    /// Records that the body has ended.
    fn end(&mut self, progress: Progress) {
        self.intake.set(progress);
        self.receiving = None;
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.intake.progress() == Progress::TooLarge {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            self.intake.set(Progress::Awaited);
            return Poll::Pending;
        };
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(left) = self.left.checked_sub(length) else {
                    self.end(Progress::TooLarge);
                    let limit = Some(self.limit);
                    return Poll::Ready(Some(Err(BodyError::HttpRequestBodySize(limit))));
                };
                self.left = left;
                if self.body.is_end_stream() {
                    self.end(Progress::Ended);
                } else {
                    self.intake.set(Progress::Open);
                }
            }
            Some(Err(_)) => self.end(Progress::Broken),
            None => self.end(Progress::Ended),
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

impl Drop for Incoming {
    /// The guest no longer waits.
    fn drop(&mut self) {
        if self.intake.progress() == Progress::Awaited {
            self.intake.set(Progress::Open);
        }
    }
}
