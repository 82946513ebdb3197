//! The ways in which a local reply reaches the caller.

use crate::headers::Headers;
use crate::local_reply::{LocalReply, message};
use crate::machine::Machine;
use crate::misuse::{Misuse, Side};

impl Machine {
    /// Sends a reply. It passes through the filter's response callbacks if no part of a response has arrived yet. It bypasses them
    /// if the headers have not been sent. If they have, the stream is reset.
    pub(crate) fn reply(&mut self, id: u32, reply: LocalReply, by_filter: bool) {
        let stream = self.stream(id);
        let again = stream.replied.is_some() || stream.prepared.is_some();
        if again && by_filter {
            self.host().misuse(Misuse::SecondReply);
        }
        let stream = self.stream(id);
        if stream.over() {
            return;
        }
        match stream.calling {
            Some(Side::Request) => stream.request_aborted = true,
            Some(Side::Response) => stream.response_aborted = true,
            None => {}
        }
        if stream.response.headers.is_none() {
            if stream.calling != Some(Side::Request) {
                self.start_reply(id, reply);
            } else if stream.prepared.is_none() {
                stream.prepared = Some(reply);
            }
        } else if stream.response.sent.is_none() {
            self.reply_directly(id, reply);
        } else {
            stream.reset = true;
            if by_filter && !again {
                self.host().misuse(Misuse::ReplyTooLate);
            }
        }
    }

    /// Replies through the filter's response callbacks.
    pub(crate) fn start_reply(&mut self, id: u32, reply: LocalReply) {
        let stream = self.stream(id);
        stream.replied = Some((reply.details.clone(), reply.grpc_status));
        let (headers, body) = message(&reply, stream.grpc, stream.head);
        let half = &mut stream.response;
        half.headers = Some(headers);
        half.complete = true;
        self.run_headers(id, Side::Response, body.is_empty());
        if !body.is_empty() && !self.stream(id).over() {
            self.take_body(id, Side::Response, &body, true);
        }
    }

    /// Replies without the callbacks.
    fn reply_directly(&mut self, id: u32, reply: LocalReply) {
        let stream = self.stream(id);
        stream.replied = Some((reply.details.clone(), reply.grpc_status));
        let (headers, body) = message(&reply, stream.grpc, stream.head);
        let half = &mut stream.response;
        half.headers = Some(headers.clone());
        half.sent = Some(headers);
        half.sent_body = body;
        half.sent_trailers = Headers::new();
        half.done = true;
    }
}
