//! Passes a message through the filter. This module does the work of Envoy's filter manager for a filter chain that consists of
//! this filter and Envoy's router.
//!
//! The rules are those of Envoy 1.40. A pause at the headers holds all later parts outside the filter. When the filter resumes the
//! message, the filter gets the whole body in one piece. A pause at the body buffers the body, and the filter gets the whole buffer
//! at its next callback for the body.
//!
//! This file passes headers, body and trailers to the filter. `flow/arriving.rs` receives the parts of a message, and
//! `flow/passing.rs` sends them on.

mod arriving;
mod passing;

use crate::Headers;
use crate::exchange::{Exchange, Flow};
use crate::local_reply;
use crate::machine::Machine;
use crate::misuse::Side;

/// The result of a filter's callback, after Envoy's conversion.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FilterResult {
    Continue,
    /// Pause. At the headers: all later parts wait outside the filter. At the body: the body is buffered. At the trailers: the
    /// trailers wait.
    Stop,
    /// Pause at the headers, but later parts still reach the filter (`allow_on_headers_stop_iteration`).
    StopHeaders,
    /// Pause at the body, and drop the body. This is the result after a local reply, or if the filter returns an unknown number.
    StopAndDrop,
}

impl Machine {
    pub(crate) fn stream(&mut self, id: u32) -> &mut Exchange {
        self.host().streams.entry(id).or_default()
    }

    /// True if no further parts of the message pass in this direction, because the stream has ended or the request got a local
    /// reply.
    fn is_closed(&mut self, id: u32, side: Side) -> bool {
        let stream = self.stream(id);
        match side {
            Side::Request => stream.has_ended() || stream.replied.is_some(),
            Side::Response => stream.has_ended(),
        }
    }

    /// Checks at the beginning and at the end of each callback whether the filter has crashed. If so, replies with 503 and returns
    /// `closed`. A stream that has a context in the filter fails under every failure policy, because the policy applies only to
    /// streams that begin after the crash.
    fn check_crash(&mut self, id: u32, closed: FilterResult) -> Option<FilterResult> {
        self.trap.as_ref()?;
        if !self.stream(id).crash_handled {
            self.stream(id).crash_handled = true;
            self.reply(id, local_reply::failure(), false);
            self.stream(id).failure_replied = true;
        }
        Some(closed)
    }

    /// Whether the message bypasses the filter.
    fn bypasses_filter(&mut self, id: u32, side: Side) -> bool {
        let stream = self.stream(id);
        !stream.created || (side == Side::Response && stream.failure_replied)
    }

    pub(crate) fn run_headers(&mut self, id: u32, side: Side, end: bool) {
        let half = self.stream(id).half(side);
        half.ended = end;
        let mut outcome = FilterResult::Continue;
        if !self.bypasses_filter(id, side) {
            let stream = self.stream(id);
            stream.running_callback = Some(side);
            stream.end_of_stream = end;
            let half = stream.half(side);
            half.headers_open = true;
            let count = half.headers.as_ref().map_or(0, Headers::len);
            outcome = self.call_headers(id, side, count, end);
            let stream = self.stream(id);
            stream.running_callback = None;
            if outcome == FilterResult::Continue {
                stream.half(side).headers_open = false;
            }
        }
        if self.handle_abort(id, side) {
            self.stream(id).half(side).flow = Flow::Stopped;
            return;
        }
        let half = self.stream(id).half(side);
        match outcome {
            FilterResult::Continue => {
                half.headers_passed = true;
                self.pass_headers(id, side, end);
            }
            FilterResult::StopHeaders => half.flow = Flow::Stopped,
            FilterResult::Stop | FilterResult::StopAndDrop => half.flow = Flow::StoppedAll,
        }
    }

    fn call_headers(&mut self, id: u32, side: Side, count: usize, end: bool) -> FilterResult {
        if let Some(outcome) = self.check_crash(id, FilterResult::Stop) {
            return outcome;
        }
        let result = self.on_headers(id, side, count, end);
        let alone = self.host().plugin(id).allows_headers_stop_iteration;
        match self.convert_result(id, result, FilterResult::Stop) {
            FilterResult::Stop if alone && !self.host().stopped => FilterResult::StopHeaders,
            outcome => outcome,
        }
    }

    /// Converts the result of a callback as Envoy does. Then runs the actions that the filter requested during the callback.
    fn convert_result(
        &mut self,
        id: u32,
        result: Option<u32>,
        closed: FilterResult,
    ) -> FilterResult {
        let outcome = self.check_crash(id, closed).unwrap_or_else(|| {
            let stopped = self.host().stopped;
            match result.unwrap_or_default() {
                _ if stopped => closed,
                0 => FilterResult::Continue,
                1 => FilterResult::Stop,
                _ => closed,
            }
        });
        self.run_requested_actions();
        outcome
    }

    fn run_chunk(&mut self, id: u32, side: Side, end: bool) {
        if self.is_closed(id, side) {
            return;
        }
        let half = self.stream(id).half(side);
        match half.flow {
            Flow::StoppedAll => self.buffer_chunk(id, side, true),
            _ if half.ended => {}
            _ => self.run_body(id, side, end),
        }
    }

    /// Passes the chunk to the filter. If the filter buffered the body, passes the whole buffer instead.
    fn run_body(&mut self, id: u32, side: Side, end: bool) {
        let half = self.stream(id).half(side);
        let had_trailers = half.trailers.is_some();
        half.ended = end && !had_trailers;
        let ended = half.ended;
        let mut outcome = FilterResult::Continue;
        if !self.bypasses_filter(id, side) {
            self.stream(id).running_callback = Some(side);
            if self.stream(id).half(side).buffering {
                self.buffer_chunk(id, side, false);
            }
            let stream = self.stream(id);
            stream.end_of_stream = ended;
            let half = stream.half(side);
            half.body_open = true;
            let size = half.body().len();
            outcome = match self.check_crash(id, FilterResult::StopAndDrop) {
                Some(outcome) => outcome,
                None => {
                    let result = self.on_body(id, side, size, ended);
                    self.convert_result(id, result, FilterResult::StopAndDrop)
                }
            };
            let stream = self.stream(id);
            stream.running_callback = None;
            let half = stream.half(side);
            half.buffering = outcome == FilterResult::Stop;
            if outcome == FilterResult::Continue {
                half.body_open = false;
            }
        }
        if self.handle_abort(id, side) {
            return;
        }
        let half = self.stream(id).half(side);
        let added = !had_trailers && half.trailers.is_some();
        match outcome {
            FilterResult::Continue if half.flow == Flow::Flowing => {
                self.pass_body(id, side, end && !added);
                if added {
                    self.pass_trailers(id, side);
                }
            }
            FilterResult::Continue => {
                self.buffer_chunk(id, side, false);
                self.continue_message(id, side);
            }
            FilterResult::Stop | FilterResult::StopHeaders => {
                half.flow = Flow::Stopped;
                self.buffer_chunk(id, side, false);
            }
            FilterResult::StopAndDrop => {
                half.flow = Flow::Stopped;
                half.chunk.clear();
                if half.complete && half.trailers.is_none() && half.buffer.is_none() {
                    half.buffer = Some(Vec::new());
                }
            }
        }
    }

    fn run_trailers(&mut self, id: u32, side: Side) {
        let mut outcome = FilterResult::Continue;
        if !self.bypasses_filter(id, side) {
            let stream = self.stream(id);
            stream.running_callback = Some(side);
            let half = stream.half(side);
            half.trailers_open = true;
            let count = half.trailers.as_ref().map_or(0, Headers::len);
            outcome = match self.check_crash(id, FilterResult::Stop) {
                Some(outcome) => outcome,
                None => {
                    let result = self.on_trailers(id, side, count);
                    self.convert_result(id, result, FilterResult::Stop)
                }
            };
            let stream = self.stream(id);
            stream.running_callback = None;
            if outcome == FilterResult::Continue {
                stream.half(side).trailers_open = false;
            }
        }
        self.stream(id).half(side).ended = true;
        if self.handle_abort(id, side) {
            outcome = FilterResult::Stop;
        }
        let half = self.stream(id).half(side);
        match outcome {
            FilterResult::Continue if half.flow == Flow::Flowing => self.pass_trailers(id, side),
            FilterResult::Continue => self.continue_message(id, side),
            FilterResult::Stop | FilterResult::StopHeaders | FilterResult::StopAndDrop => {
                half.flow = Flow::Stopped;
            }
        }
    }

    /// Returns true if the last callback sent a local reply; the message must not continue then. If the filter sent the reply
    /// during a callback of the request, the reply was kept until now, and this function sends it.
    fn handle_abort(&mut self, id: u32, side: Side) -> bool {
        match side {
            Side::Request if self.stream(id).request_aborted => {
                if let Some(prepared) = self.stream(id).prepared.take() {
                    self.start_reply(id, prepared);
                }
                true
            }
            Side::Request => false,
            Side::Response => self.stream(id).response_aborted,
        }
    }

    pub(crate) fn reset(&mut self, id: u32) {
        self.stream(id).reset = true;
    }
}
