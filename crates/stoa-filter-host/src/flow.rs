//! How a message passes the filter: Envoy's filter manager with one filter followed by the router.
//!
//! The rules are those of Envoy 1.40. A pause at the headers holds all later parts outside the filter; on resume the filter
//! gets the whole body at once. A pause at the body buffers it, and the next call sees the whole buffer.
//! This file passes headers, body and trailers to the filter. `flow/arriving.rs` receives each of them, and `flow/passing.rs`
//! sends them on.

mod arriving;
mod passing;

use crate::Headers;
use crate::exchange::{Exchange, Flow};
use crate::local_reply;
use crate::machine::Machine;
use crate::misuse::Side;

/// The result of the filter's callback, converted as Envoy does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Continue,
    /// At the headers: holds all that follows. At the body: holds and buffers it. At the trailers: waits.
    Stop,
    /// At the headers: the rest still reaches the filter (`allow_on_headers_stop_iteration`).
    StopHeaders,
    /// At the body: drops it. Only after a local reply, or when a filter returns an unknown number.
    StopAndDrop,
}

impl Machine {
    pub(crate) fn stream(&mut self, id: u32) -> &mut Exchange {
        self.host().streams.entry(id).or_default()
    }

    /// The request is answered, or the response is complete: nothing more passes on this side.
    fn answered(&mut self, id: u32, side: Side) -> bool {
        let stream = self.stream(id);
        match side {
            Side::Request => stream.over() || stream.replied.is_some(),
            Side::Response => stream.over(),
        }
    }

    /// Checks for a dead filter at the beginning and at the end of each callback. A stream with a context in the filter fails
    /// under every failure policy: the policy applies only to later streams.
    fn failed(&mut self, id: u32, closed: Answer) -> Option<Answer> {
        self.trap.as_ref()?;
        if !self.stream(id).failed {
            self.stream(id).failed = true;
            self.reply(id, local_reply::failure(), false);
            self.stream(id).failure_replied = true;
        }
        Some(closed)
    }

    /// Whether the filter is skipped.
    fn skipped(&mut self, id: u32, side: Side) -> bool {
        let stream = self.stream(id);
        !stream.created || (side == Side::Response && stream.failure_replied)
    }

    pub(crate) fn run_headers(&mut self, id: u32, side: Side, end: bool) {
        let half = self.stream(id).half(side);
        half.ended = end;
        let mut answer = Answer::Continue;
        if !self.skipped(id, side) {
            let stream = self.stream(id);
            stream.calling = Some(side);
            stream.end_of_stream = end;
            let half = stream.half(side);
            half.headers_open = true;
            let count = half.headers.as_ref().map_or(0, Headers::len);
            answer = self.call_headers(id, side, count, end);
            let stream = self.stream(id);
            stream.calling = None;
            if answer == Answer::Continue {
                stream.half(side).headers_open = false;
            }
        }
        if self.aborted(id, side) {
            self.stream(id).half(side).flow = Flow::Stopped;
            return;
        }
        let half = self.stream(id).half(side);
        match answer {
            Answer::Continue => {
                half.headers_passed = true;
                self.pass_headers(id, side, end);
            }
            Answer::StopHeaders => half.flow = Flow::Stopped,
            Answer::Stop | Answer::StopAndDrop => half.flow = Flow::StoppedAll,
        }
    }

    fn call_headers(&mut self, id: u32, side: Side, count: usize, end: bool) -> Answer {
        if let Some(answer) = self.failed(id, Answer::Stop) {
            return answer;
        }
        let result = self.on_headers(id, side, count, end);
        let alone = self.host().plugin(id).headers_stop_alone;
        match self.conclude(id, result, Answer::Stop) {
            Answer::Stop if alone && !self.host().stopped => Answer::StopHeaders,
            answer => answer,
        }
    }

    /// Converts the callback's result, then runs the actions that the filter requested in it.
    fn conclude(&mut self, id: u32, result: Option<u32>, closed: Answer) -> Answer {
        let answer = self.failed(id, closed).unwrap_or_else(|| {
            let stopped = self.host().stopped;
            match result.unwrap_or_default() {
                _ if stopped => closed,
                0 => Answer::Continue,
                1 => Answer::Stop,
                _ => closed,
            }
        });
        self.after();
        answer
    }

    fn run_chunk(&mut self, id: u32, side: Side, end: bool) {
        if self.answered(id, side) {
            return;
        }
        let half = self.stream(id).half(side);
        match half.flow {
            Flow::StoppedAll => self.buffer_chunk(id, side, true),
            _ if half.ended => {}
            _ => self.run_body(id, side, end),
        }
    }

    /// Passes the chunk to the filter, or the buffer during a replay.
    fn run_body(&mut self, id: u32, side: Side, end: bool) {
        let half = self.stream(id).half(side);
        let had_trailers = half.trailers.is_some();
        half.ended = end && !had_trailers;
        let ended = half.ended;
        let mut answer = Answer::Continue;
        if !self.skipped(id, side) {
            self.stream(id).calling = Some(side);
            if self.stream(id).half(side).buffering {
                self.buffer_chunk(id, side, false);
            }
            let stream = self.stream(id);
            stream.end_of_stream = ended;
            let half = stream.half(side);
            half.body_open = true;
            let size = half.body().len();
            answer = match self.failed(id, Answer::StopAndDrop) {
                Some(answer) => answer,
                None => {
                    let result = self.on_body(id, side, size, ended);
                    self.conclude(id, result, Answer::StopAndDrop)
                }
            };
            let stream = self.stream(id);
            stream.calling = None;
            let half = stream.half(side);
            half.buffering = answer == Answer::Stop;
            if answer == Answer::Continue {
                half.body_open = false;
            }
        }
        if self.aborted(id, side) {
            return;
        }
        let half = self.stream(id).half(side);
        let added = !had_trailers && half.trailers.is_some();
        match answer {
            Answer::Continue if half.flow == Flow::On => {
                self.pass_body(id, side, end && !added);
                if added {
                    self.pass_trailers(id, side);
                }
            }
            Answer::Continue => {
                self.buffer_chunk(id, side, false);
                self.go_on(id, side);
            }
            Answer::Stop | Answer::StopHeaders => {
                half.flow = Flow::Stopped;
                self.buffer_chunk(id, side, false);
            }
            Answer::StopAndDrop => {
                half.flow = Flow::Stopped;
                half.chunk.clear();
                if half.complete && half.trailers.is_none() && half.buffer.is_none() {
                    half.buffer = Some(Vec::new());
                }
            }
        }
    }

    fn run_trailers(&mut self, id: u32, side: Side) {
        let mut answer = Answer::Continue;
        if !self.skipped(id, side) {
            let stream = self.stream(id);
            stream.calling = Some(side);
            let half = stream.half(side);
            half.trailers_open = true;
            let count = half.trailers.as_ref().map_or(0, Headers::len);
            answer = match self.failed(id, Answer::Stop) {
                Some(answer) => answer,
                None => {
                    let result = self.on_trailers(id, side, count);
                    self.conclude(id, result, Answer::Stop)
                }
            };
            let stream = self.stream(id);
            stream.calling = None;
            if answer == Answer::Continue {
                stream.half(side).trailers_open = false;
            }
        }
        self.stream(id).half(side).ended = true;
        if self.aborted(id, side) {
            answer = Answer::Stop;
        }
        let half = self.stream(id).half(side);
        match answer {
            Answer::Continue if half.flow == Flow::On => self.pass_trailers(id, side),
            Answer::Continue => self.go_on(id, side),
            Answer::Stop | Answer::StopHeaders | Answer::StopAndDrop => {
                half.flow = Flow::Stopped;
            }
        }
    }

    /// Whether this callback sent a local reply, so that the message ends here. A prepared reply is sent now.
    fn aborted(&mut self, id: u32, side: Side) -> bool {
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
