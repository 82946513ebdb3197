//! One exchange between a caller and an upstream.

mod contexts;

use std::cell::RefCell;
use std::rc::Rc;

use crate::Headers;
use crate::exchange::Exchange;
use crate::machine::Machine;
use crate::message::{Request, Response, Verdict};
use crate::misuse::Side;
use crate::property::{Path, Value};

/// One stream. Its context ends (`on_log`, `on_done`, `on_delete`) when the response is complete, or else when this is
/// dropped, which stands for a caller that disconnects.
///
/// Every method that lets the filter run panics if the filter misuses the host, like those of [`Vm`](crate::Vm).
pub struct Stream {
    machine: Rc<RefCell<Machine>>,
    id: u32,
}

impl Stream {
    pub(crate) fn new(machine: Rc<RefCell<Machine>>, id: u32) -> Self {
        Self { machine, id }
    }

    /// Sets a property of this stream: `stream.set_property("source.address", "10.0.0.7:4711")`.
    ///
    /// # Panics
    /// If Envoy does not have such a property (`node`, `route_name` and others that it has only below `xds`).
    #[track_caller]
    pub fn set_property(&mut self, path: impl Path, value: impl Into<Value>) {
        let mut machine = self.machine.borrow_mut();
        machine.stream(self.id).properties.set(&path, value.into());
    }

    /// A property that the filter itself set, by its path.
    pub fn property(&self, path: impl Path) -> Option<Vec<u8>> {
        let path = path.segments().join("\0").into_bytes();
        self.read(|stream| {
            let state = stream.filter_state.iter().find(|(name, _)| *name == path);
            state.map(|(_, value)| value.clone())
        })
    }

    /// Sends a complete request: headers, body, trailers. The filter sees the body as over HTTP/1.1: in one piece, then an empty
    /// piece that ends it.
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

    /// Sends the request's headers.
    #[track_caller]
    pub fn request_headers(&mut self, headers: Headers, end: bool) -> Verdict<Request> {
        self.run(|machine, id| machine.take_headers(id, Side::Request, headers, end));
        self.request()
    }

    /// Sends a piece of the request's body.
    #[track_caller]
    pub fn request_body(&mut self, chunk: &[u8], end: bool) -> Verdict<Request> {
        self.run(|machine, id| machine.take_body(id, Side::Request, chunk, end));
        self.request()
    }

    /// Sends the request's trailers.
    #[track_caller]
    pub fn request_trailers(&mut self, trailers: Headers) -> Verdict<Request> {
        self.run(|machine, id| machine.take_trailers(id, Side::Request, trailers));
        self.request()
    }

    /// Sends the upstream's complete response: headers, body, trailers, in the same way.
    ///
    /// # Panics
    /// If the upstream has not seen the request's headers.
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

    /// Sends the headers of the upstream's response.
    ///
    /// # Panics
    /// If the upstream has not seen the request's headers.
    #[track_caller]
    pub fn response_headers(&mut self, headers: Headers, end: bool) -> Verdict<Response> {
        let seen = self.read(|stream| stream.request.sent.is_some());
        assert!(seen, "the upstream cannot answer: it has seen no request");
        self.run(|machine, id| {
            if !machine.stream(id).over() && machine.stream(id).replied.is_none() {
                machine.take_headers(id, Side::Response, headers, end);
            }
        });
        self.response()
    }

    /// Sends a piece of the body of the upstream's response.
    #[track_caller]
    pub fn response_body(&mut self, chunk: &[u8], end: bool) -> Verdict<Response> {
        self.run(|machine, id| {
            if machine.stream(id).replied.is_none() {
                machine.take_body(id, Side::Response, chunk, end);
            }
        });
        self.response()
    }

    /// Sends the trailers of the upstream's response.
    #[track_caller]
    pub fn response_trailers(&mut self, trailers: Headers) -> Verdict<Response> {
        self.run(|machine, id| {
            if machine.stream(id).replied.is_none() {
                machine.take_trailers(id, Side::Response, trailers);
            }
        });
        self.response()
    }

    /// The state of the request.
    pub fn request(&self) -> Verdict<Request> {
        self.read(Exchange::request_verdict)
    }

    /// The state of the response.
    pub fn response(&self) -> Verdict<Response> {
        self.read(Exchange::response_verdict)
    }

    /// The request that the upstream has seen so far; `None`: nothing.
    pub fn upstream(&self) -> Option<Request> {
        self.read(Exchange::upstream)
    }

    /// The response that the caller has seen so far; `None`: nothing.
    pub fn caller(&self) -> Option<Response> {
        self.read(Exchange::caller)
    }

    /// How often the filter made Envoy select the route again, by changing a request header or by `clear_route_cache`.
    pub fn route_cache_clears(&self) -> u32 {
        self.read(|stream| stream.route_cache_clears)
    }

    /// Ends the stream now, like a caller that disconnects.
    #[track_caller]
    pub fn finish(self) {
        self.end();
        self.machine.borrow_mut().judge();
    }

    #[track_caller]
    fn run(&mut self, step: impl FnOnce(&mut Machine, u32)) {
        let mut machine = self.machine.borrow_mut();
        step(&mut machine, self.id);
        machine.settle();
        machine.judge();
    }

    fn read<R>(&self, read: impl FnOnce(&Exchange) -> R) -> R {
        let mut machine = self.machine.borrow_mut();
        read(machine.stream(self.id))
    }

    fn end(&self) {
        let mut machine = self.machine.borrow_mut();
        machine.end_stream(self.id);
        machine.settle();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // While a test fails, the machine may be in use, and a second panic would abort the process.
        if std::thread::panicking() {
            return;
        }
        self.end();
        let mut machine = self.machine.borrow_mut();
        machine.host().streams.remove(&self.id);
        machine.judge();
    }
}
