//! One stream: a request of a caller, and the response of the upstream.

mod contexts;

use std::cell::RefCell;
use std::rc::Rc;

use crate::Headers;
use crate::exchange::Exchange;
use crate::machine::Machine;
use crate::message::{Request, Response, Verdict};
use crate::misuse::Side;
use crate::property::{Path, Value};

/// One stream. When the response is complete, the stream's context in the filter ends (`on_log`, `on_done`, `on_delete`). If the
/// test drops the stream earlier, this counts as a disconnect of the caller, and the context ends too.
///
/// Like the methods of [`Vm`](crate::Vm), every method that runs the filter's code panics if the filter misuses the host.
pub struct Stream {
    machine: Rc<RefCell<Machine>>,
    id: u32,
}

impl Stream {
    pub(crate) fn new(machine: Rc<RefCell<Machine>>, id: u32) -> Self {
        Self { machine, id }
    }

    /// Sets a property of this stream. Example: `stream.set_property("source.address", "10.0.0.7:4711")`.
    ///
    /// # Panics
    /// If Envoy has the property only below `xds`. Examples are `node` and `route_name`.
    #[track_caller]
    pub fn set_property(&mut self, path: impl Path, value: impl Into<Value>) {
        let mut machine = self.machine.borrow_mut();
        machine.stream(self.id).properties.set(&path, value.into());
    }

    /// The value of a property that the filter itself set. `None`: the filter did not set the property.
    pub fn property(&self, path: impl Path) -> Option<Vec<u8>> {
        let path = path.segments().join("\0").into_bytes();
        self.read(|stream| {
            let state = stream.filter_state.iter().find(|(name, _)| *name == path);
            state.map(|(_, value)| value.clone())
        })
    }

    /// Sends a complete request: headers, body and trailers. As over HTTP/1.1, the filter gets the body in one piece, followed by
    /// an empty piece that ends the request.
    #[track_caller]
    pub fn send(&mut self, request: Request) -> Verdict<Request> {
        let Request {
            headers,
            body,
            trailers,
        } = request;
        let mut verdict = self.request_headers(headers, body.is_empty() && trailers.is_empty());
        if !body.is_empty() {
            verdict = self.request_body(&body, false);
            if trailers.is_empty() {
                verdict = self.request_body(&[], true);
            }
        }
        if !trailers.is_empty() {
            verdict = self.request_trailers(trailers);
        }
        verdict
    }

    /// Sends the request's headers. `end`: the request has no body and no trailers.
    #[track_caller]
    pub fn request_headers(&mut self, headers: Headers, end: bool) -> Verdict<Request> {
        self.run(|machine, id| machine.receive_headers(id, Side::Request, headers, end));
        self.request()
    }

    /// Sends a piece of the request's body. `end`: the piece ends the request.
    #[track_caller]
    pub fn request_body(&mut self, chunk: &[u8], end: bool) -> Verdict<Request> {
        self.run(|machine, id| machine.receive_body(id, Side::Request, chunk, end));
        self.request()
    }

    /// Sends the request's trailers.
    #[track_caller]
    pub fn request_trailers(&mut self, trailers: Headers) -> Verdict<Request> {
        self.run(|machine, id| machine.receive_trailers(id, Side::Request, trailers));
        self.request()
    }

    /// Sends the upstream's complete response, as [`Stream::send`] does for a request.
    ///
    /// # Panics
    /// If the upstream has not received the request's headers.
    #[track_caller]
    pub fn answer(&mut self, response: Response) -> Verdict<Response> {
        let Response {
            headers,
            body,
            trailers,
        } = response;
        let mut verdict = self.response_headers(headers, body.is_empty() && trailers.is_empty());
        if !body.is_empty() {
            verdict = self.response_body(&body, false);
            if trailers.is_empty() {
                verdict = self.response_body(&[], true);
            }
        }
        if !trailers.is_empty() {
            verdict = self.response_trailers(trailers);
        }
        verdict
    }

    /// Sends the headers of the upstream's response. `end`: the response has no body and no trailers.
    ///
    /// # Panics
    /// If the upstream has not received the request's headers.
    #[track_caller]
    pub fn response_headers(&mut self, headers: Headers, end: bool) -> Verdict<Response> {
        let has_request = self.read(|stream| stream.request.sent_headers.is_some());
        assert!(
            has_request,
            "the upstream cannot respond: it has not received the request"
        );
        self.run(|machine, id| {
            if !machine.stream(id).has_ended() && machine.stream(id).replied.is_none() {
                machine.receive_headers(id, Side::Response, headers, end);
            }
        });
        self.response()
    }

    /// Sends a piece of the body of the upstream's response. `end`: the piece ends the response.
    #[track_caller]
    pub fn response_body(&mut self, chunk: &[u8], end: bool) -> Verdict<Response> {
        self.run(|machine, id| {
            if machine.stream(id).replied.is_none() {
                machine.receive_body(id, Side::Response, chunk, end);
            }
        });
        self.response()
    }

    /// Sends the trailers of the upstream's response.
    #[track_caller]
    pub fn response_trailers(&mut self, trailers: Headers) -> Verdict<Response> {
        self.run(|machine, id| {
            if machine.stream(id).replied.is_none() {
                machine.receive_trailers(id, Side::Response, trailers);
            }
        });
        self.response()
    }

    /// The current state of the request.
    pub fn request(&self) -> Verdict<Request> {
        self.read(Exchange::request_verdict)
    }

    /// The current state of the response.
    pub fn response(&self) -> Verdict<Response> {
        self.read(Exchange::response_verdict)
    }

    /// The part of the request that the upstream has received so far. `None`: the upstream has received no part.
    pub fn upstream(&self) -> Option<Request> {
        self.read(Exchange::upstream)
    }

    /// The part of the response that the caller has received so far. `None`: the caller has received no part.
    pub fn caller(&self) -> Option<Response> {
        self.read(Exchange::caller)
    }

    /// The number of times that the filter made Envoy select the route again: the filter changed a request header, or called
    /// `clear_route_cache`.
    pub fn route_cache_clears(&self) -> u32 {
        self.read(|stream| stream.route_cache_clears)
    }

    /// Ends the stream now, as if the caller disconnected.
    #[track_caller]
    pub fn finish(self) {
        self.end();
        self.machine.borrow_mut().fail_on_misuse();
    }

    #[track_caller]
    fn run(&mut self, step: impl FnOnce(&mut Machine, u32)) {
        let mut machine = self.machine.borrow_mut();
        step(&mut machine, self.id);
        machine.process_pending_events();
        machine.fail_on_misuse();
    }

    fn read<R>(&self, read: impl FnOnce(&Exchange) -> R) -> R {
        let mut machine = self.machine.borrow_mut();
        read(machine.stream(self.id))
    }

    fn end(&self) {
        let mut machine = self.machine.borrow_mut();
        machine.end_stream(self.id);
        machine.process_pending_events();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Does nothing during a panic: `machine` may still be borrowed then, and a second panic would abort the process.
        if std::thread::panicking() {
            return;
        }
        self.end();
        let mut machine = self.machine.borrow_mut();
        machine.host().streams.remove(&self.id);
        machine.fail_on_misuse();
    }
}
