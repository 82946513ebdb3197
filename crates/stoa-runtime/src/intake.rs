//! The body of a request, which the guest reads. Limits the size of the body, and records its progress, because the progress can
//! decide the status of the response.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::admission::EarlyStart;
use crate::body::{Body, BodyError};

/// The state of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Progress {
    /// The body has not ended, but the guest does not wait for more bytes now.
    Open,
    /// The guest waits for more bytes from the client.
    Awaited,
    /// The guest has read the whole body.
    Ended,
    /// The client sent more bytes than the limit.
    TooLarge,
    /// The client disconnected, or sent an invalid body.
    Broken,
}

/// A handle for reading the [`Progress`] of one body while the guest has the body.
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

/// The body of a request. It fails when the client has sent more than `limit` bytes.
pub(crate) struct LimitedBody {
    body: Body,
    limit: u64,
    bytes_left: u64,
    intake: Intake,
    /// The right to run the guest while the body is incomplete. It is dropped when the body ends.
    early_start: Option<EarlyStart>,
}

impl LimitedBody {
    pub(crate) fn new(
        body: Body,
        limit: u64,
        intake: Intake,
        early_start: Option<EarlyStart>,
    ) -> Self {
        Self {
            body,
            limit,
            bytes_left: limit,
            intake,
            early_start,
        }
    }

    /// Records how the body has ended, and releases the right to run the guest while the body is incomplete.
    fn end(&mut self, progress: Progress) {
        self.intake.set(progress);
        self.early_start = None;
    }
}

impl http_body::Body for LimitedBody {
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
                let Some(bytes_left) = self.bytes_left.checked_sub(length) else {
                    self.end(Progress::TooLarge);
                    let limit = Some(self.limit);
                    return Poll::Ready(Some(Err(BodyError::HttpRequestBodySize(limit))));
                };
                self.bytes_left = bytes_left;
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

impl Drop for LimitedBody {
    /// Records that the guest no longer waits for the body.
    fn drop(&mut self) {
        if self.intake.progress() == Progress::Awaited {
            self.intake.set(Progress::Open);
        }
    }
}
