//! The arrival of a message from the caller or the upstream.

use crate::Headers;
use crate::exchange::Flow;
use crate::machine::Machine;
use crate::misuse::Side;

impl Machine {
    /// Headers arrive from the caller or the upstream.
    pub(crate) fn take_headers(&mut self, id: u32, side: Side, headers: Headers, end: bool) {
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

    /// A piece of the body arrives.
    pub(crate) fn take_body(&mut self, id: u32, side: Side, chunk: &[u8], end: bool) {
        let half = self.stream(id).half(side);
        half.complete |= end;
        half.received += chunk.len();
        half.chunk = chunk.to_vec();
        self.run_chunk(id, side, end);
        self.check_length(id, side);
    }

    /// Trailers arrive, and with them the end.
    pub(crate) fn take_trailers(&mut self, id: u32, side: Side, trailers: Headers) {
        let half = self.stream(id).half(side);
        half.complete = true;
        half.trailers = Some(trailers);
        if !self.answered(id, side) && self.stream(id).half(side).flow != Flow::StoppedAll {
            self.run_trailers(id, side);
        }
        self.check_length(id, side);
    }

    /// Creates the stream's context in the filter, unless the filter is dead.
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
