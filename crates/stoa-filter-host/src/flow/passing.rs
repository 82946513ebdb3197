//! Resumes a paused message, and sends the parts of a message on.

use crate::exchange::Flow;
use crate::local_reply;
use crate::machine::Machine;
use crate::misuse::{Misuse, Side};

impl Machine {
    /// Moves the chunk to the buffer. If the buffer then exceeds the limit, the stream gets an error reply, unless Envoy can make
    /// the sender wait (`sender_waits`).
    pub(super) fn buffer_chunk(&mut self, id: u32, side: Side, sender_waits: bool) {
        let limit = self.host().options.buffer_limit;
        let half = self.stream(id).half(side);
        if half.replaying {
            return;
        }
        let mut chunk = std::mem::take(&mut half.chunk);
        let buffer = half.buffer.get_or_insert_default();
        buffer.append(&mut chunk);
        if !sender_waits && buffer.len() > limit {
            self.reply(id, local_reply::too_large(side), false);
        }
    }

    /// Resumes a message because the filter called `continue_stream`. An invalid call is recorded as a misuse.
    pub(crate) fn resume(&mut self, id: u32, side: Side) {
        let stream = self.stream(id);
        if side == Side::Request && stream.replied.is_some() {
            return self.host().misuse(Misuse::ResumedAfterReply);
        }
        if stream.has_ended() {
            return;
        }
        let stream = self.stream(id);
        let flow = stream.half(side).flow;
        if stream.running_callback == Some(side) {
            return self.host().misuse(Misuse::ResumedTooEarly(side));
        }
        if flow == Flow::Flowing {
            return self.host().misuse(Misuse::ResumedUnpaused(side));
        }
        self.continue_message(id, side);
        self.check_length(id, side);
    }

    pub(super) fn continue_message(&mut self, id: u32, side: Side) {
        if self.is_closed(id, side) {
            return;
        }
        let half = self.stream(id).half(side);
        // If the filter paused at the headers, the filter has not seen the body and the trailers yet.
        let unseen = half.flow == Flow::StoppedAll;
        half.flow = Flow::Flowing;
        let has_trailers = half.trailers.is_some();
        if !half.headers_passed {
            half.headers_passed = true;
            let end = half.complete && half.buffer.is_none() && !has_trailers;
            self.pass_headers(id, side, end);
        }
        let half = self.stream(id).half(side);
        if half.buffer.is_some() {
            let end = half.complete && !has_trailers;
            half.replaying = true;
            match unseen {
                true if half.ended => {}
                true => self.run_body(id, side, end),
                false => self.pass_body(id, side, end),
            }
            self.stream(id).half(side).replaying = false;
        }
        if has_trailers {
            match unseen {
                true if self.stream(id).half(side).flow == Flow::StoppedAll => {}
                true => self.run_trailers(id, side),
                false => self.pass_trailers(id, side),
            }
        }
    }

    pub(super) fn pass_headers(&mut self, id: u32, side: Side, end: bool) {
        let half = self.stream(id).half(side);
        let headers = half.headers.clone().unwrap_or_default();
        // Envoy first selects the route by the path, so a missing path is reported before a missing method.
        let missing = |name: &str| !headers.contains(name);
        let error_reply = match side {
            Side::Request if missing(":path") => Some(local_reply::no_route()),
            Side::Request if missing(":method") => Some(local_reply::no_method()),
            Side::Response if missing(":status") => Some(local_reply::no_status()),
            _ => None,
        };
        if let Some(error_reply) = error_reply {
            return self.reply(id, error_reply, false);
        }
        half.sent_headers = Some(headers);
        half.fully_sent = end;
    }

    pub(super) fn pass_body(&mut self, id: u32, side: Side, end: bool) {
        let half = self.stream(id).half(side);
        if half.replaying {
            half.sent_body
                .append(&mut half.buffer.take().unwrap_or_default());
        } else {
            half.sent_body.append(&mut half.chunk);
        }
        half.fully_sent |= end;
    }

    pub(super) fn pass_trailers(&mut self, id: u32, side: Side) {
        let half = self.stream(id).half(side);
        half.sent_trailers = half.trailers.clone().unwrap_or_default();
        half.fully_sent = true;
    }

    /// Records a misuse if the filter changed a body so that its length does not match `content-length`.
    pub(super) fn check_length(&mut self, id: u32, side: Side) {
        let head = self.stream(id).head;
        let half = self.stream(id).half(side);
        if !half.fully_sent || !half.body_changed || head {
            return;
        }
        half.body_changed = false; // This function may run several times, but must record the misuse only once.
        let header = half
            .sent_headers
            .as_ref()
            .and_then(|sent| sent.get("content-length"));
        let body = half.sent_body.len();
        if let Some(header) = header
            && header.parse() != Ok(body)
        {
            let header = header.to_owned();
            self.host()
                .misuse(Misuse::WrongLength { side, header, body });
        }
    }
}
