//! How a message continues: resuming and sending.

use crate::exchange::Flow;
use crate::local_reply;
use crate::machine::Machine;
use crate::misuse::{Misuse, Side};

impl Machine {
    /// Moves the chunk to the buffer. A buffer over the limit is answered with an error, unless the sender can be made to wait.
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

    /// The filter resumes: first the parts held at the headers, then the rest.
    pub(crate) fn resume(&mut self, id: u32, side: Side) {
        let stream = self.stream(id);
        if side == Side::Request && stream.replied.is_some() {
            return self.host().misuse(Misuse::ResumedAfterReply);
        }
        if stream.over() {
            return;
        }
        let stream = self.stream(id);
        let flow = stream.half(side).flow;
        if stream.calling == Some(side) {
            return self.host().misuse(Misuse::ResumedTooEarly(side));
        }
        if flow == Flow::On {
            return self.host().misuse(Misuse::ResumedWhatFlows(side));
        }
        self.go_on(id, side);
        self.check_length(id, side);
    }

    pub(super) fn go_on(&mut self, id: u32, side: Side) {
        if self.answered(id, side) {
            return;
        }
        let half = self.stream(id).half(side);
        // The filter has not seen the parts held outside.
        let unseen = half.flow == Flow::StoppedAll;
        half.flow = Flow::On;
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
        // The route is selected first, by the path.
        let missing = |name: &str| !headers.contains(name);
        let refusal = match side {
            Side::Request if missing(":path") => Some(local_reply::no_route()),
            Side::Request if missing(":method") => Some(local_reply::no_method()),
            Side::Response if missing(":status") => Some(local_reply::no_status()),
            _ => None,
        };
        if let Some(refusal) = refusal {
            return self.reply(id, refusal, false);
        }
        half.sent = Some(headers);
        half.done = end;
    }

    pub(super) fn pass_body(&mut self, id: u32, side: Side, end: bool) {
        let half = self.stream(id).half(side);
        if half.replaying {
            half.sent_body
                .append(&mut half.buffer.take().unwrap_or_default());
        } else {
            half.sent_body.append(&mut half.chunk);
        }
        half.done |= end;
    }

    pub(super) fn pass_trailers(&mut self, id: u32, side: Side) {
        let half = self.stream(id).half(side);
        half.sent_trailers = half.trailers.clone().unwrap_or_default();
        half.done = true;
    }

    /// Reports a body whose length does not match its header.
    pub(super) fn check_length(&mut self, id: u32, side: Side) {
        let head = self.stream(id).head;
        let half = self.stream(id).half(side);
        if !half.done || !half.body_changed || head {
            return;
        }
        half.body_changed = false; // reported once
        let header = half
            .sent
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
