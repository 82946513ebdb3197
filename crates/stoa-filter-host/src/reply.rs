//! Sends a local reply to the caller.

use crate::headers::Headers;
use crate::local_reply::{LocalReply, caller_message};
use crate::machine::Machine;
use crate::misuse::{Misuse, Side};

impl Machine {
    /// Sends a local reply. There are three cases:
    /// - No part of a response has arrived: the reply passes through the filter's response callbacks.
    /// - A response has arrived, but its headers were not sent: the reply bypasses the callbacks.
    /// - The headers of a response were sent: the stream is reset.
    pub(crate) fn reply(&mut self, id: u32, reply: LocalReply, by_filter: bool) {
        let stream = self.stream(id);
        let is_second = stream.replied.is_some() || stream.prepared.is_some();
        if is_second && by_filter {
            self.host().misuse(Misuse::SecondReply);
        }
        let stream = self.stream(id);
        if stream.has_ended() {
            return;
        }
        match stream.running_callback {
            Some(Side::Request) => stream.request_aborted = true,
            Some(Side::Response) => stream.response_aborted = true,
            None => {}
        }
        if stream.response.headers.is_none() {
            if stream.running_callback != Some(Side::Request) {
                self.start_reply(id, reply);
            } else if stream.prepared.is_none() {
                stream.prepared = Some(reply);
            }
        } else if stream.response.sent_headers.is_none() {
            self.reply_directly(id, reply);
        } else {
            stream.reset = true;
            if by_filter && !is_second {
                self.host().misuse(Misuse::ReplyTooLate);
            }
        }
    }

    /// Sends a reply through the filter's response callbacks.
    pub(crate) fn start_reply(&mut self, id: u32, reply: LocalReply) {
        let stream = self.stream(id);
        stream.replied = Some((reply.details.clone(), reply.grpc_status));
        let (headers, body) = caller_message(&reply, stream.grpc, stream.head);
        let half = &mut stream.response;
        half.headers = Some(headers);
        half.complete = true;
        self.run_headers(id, Side::Response, body.is_empty());
        if !body.is_empty() && !self.stream(id).has_ended() {
            self.receive_body(id, Side::Response, &body, true);
        }
    }

    /// Sends a reply without the filter's response callbacks.
    fn reply_directly(&mut self, id: u32, reply: LocalReply) {
        let stream = self.stream(id);
        stream.replied = Some((reply.details.clone(), reply.grpc_status));
        let (headers, body) = caller_message(&reply, stream.grpc, stream.head);
        let half = &mut stream.response;
        half.headers = Some(headers.clone());
        half.sent_headers = Some(headers);
        half.sent_body = body;
        half.sent_trailers = Headers::new();
        half.fully_sent = true;
    }
}
