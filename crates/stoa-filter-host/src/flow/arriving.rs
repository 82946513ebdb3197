//! Receives the parts of a message from the caller or the upstream.

use crate::Headers;
use crate::exchange::Flow;
use crate::machine::Machine;
use crate::misuse::Side;

impl Machine {
    /// Receives the headers from the caller or the upstream. `end`: the message has only headers.
    pub(crate) fn receive_headers(&mut self, id: u32, side: Side, headers: Headers, end: bool) {
        let stream = self.stream(id);
        let half = stream.half(side);
        half.headers = Some(headers);
        half.complete = end;
        if side == Side::Request {
            let now = self.host().now;
            self.stream(id).begun = now;
            self.begin(id);
        }
        self.run_headers(id, side, end);
        self.check_length(id, side);
    }

    /// Receives a piece of the body. `end`: the piece ends the message.
    pub(crate) fn receive_body(&mut self, id: u32, side: Side, chunk: &[u8], end: bool) {
        let half = self.stream(id).half(side);
        half.complete |= end;
        half.received += chunk.len();
        half.chunk = chunk.to_vec();
        self.run_chunk(id, side, end);
        self.check_length(id, side);
    }

    /// Receives the trailers, which end the message.
    pub(crate) fn receive_trailers(&mut self, id: u32, side: Side, trailers: Headers) {
        let half = self.stream(id).half(side);
        half.complete = true;
        half.trailers = Some(trailers);
        if !self.is_closed(id, side) && self.stream(id).half(side).flow != Flow::StoppedAll {
            self.run_trailers(id, side);
        }
        self.check_length(id, side);
    }

    /// Creates the stream's context in the filter. If the filter has crashed and fails open, the stream gets no context.
    fn begin(&mut self, id: u32) {
        let stream = self.stream(id);
        let root = stream.root;
        let headers = stream.request.headers.as_ref();
        let get = |name| {
            headers
                .and_then(|headers| headers.get(name))
                .unwrap_or_default()
        };
        let kind = get("content-type");
        let grpc = kind == "application/grpc" || kind.starts_with("application/grpc+");
        let head = get(":method") == "HEAD";
        (stream.grpc, stream.head) = (grpc, head);
        let skipped = self.trap.is_some() && self.host().plugin(id).fail_open;
        self.stream(id).created = !skipped;
        self.create(id, root);
    }
}
