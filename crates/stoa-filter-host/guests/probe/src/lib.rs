//! A filter that runs a small program. A test passes the program in the configuration or in the request header `x-do`:
//!
//! ```text
//! request-headers pause; tick set x-late 1, resume-request; response-headers add x-seen yes
//! ```
//!
//! A program has phases separated by semicolons. A phase has operations separated by commas. `program.rs` parses a program, and
//! `work.rs` runs its operations.
#![cfg(target_family = "wasm")]
#![expect(
    unsafe_code,
    reason = "the entry point must be exported under a fixed name"
)]
#![expect(clippy::panic, reason = "the program of a test can request a crash")]

mod output;
mod phase;
mod program;
mod work;

use std::cell::RefCell;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use output::log;
use phase::Phase;
use program::Program;
use work::perform;

thread_local! {
    /// The streams that wait for a tick. Each entry holds the context id of the stream, the phase to run at the tick, and the
    /// program.
    static WAITING: RefCell<Vec<(u32, Phase, Program)>> = const { RefCell::new(Vec::new()) };
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the host calls this function, the start function of a WASI reactor, once and before any other function.
    unsafe { __wasm_call_ctors() };
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}

#[derive(Default)]
struct Root {
    program: Program,
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, trailers: usize) {
        log(&format!("call {token}: {headers} {body} {trailers}"));
    }

    fn on_done(&mut self) -> bool {
        self.program.trace("root done");
        perform(&self.program, Phase::RootDone, 0) == Action::Continue
    }
}

impl RootContext for Root {
    fn on_vm_start(&mut self, size: usize) -> bool {
        let configuration = self.get_vm_configuration().unwrap_or_default();
        size == configuration.len() && configuration != b"refuse"
    }

    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = self.get_plugin_configuration().unwrap_or_default();
        self.program = Program::read(&String::from_utf8_lossy(&configuration));
        if let Some(period) = self.program.tick {
            self.set_tick_period(Duration::from_millis(period));
        }
        perform(&self.program, Phase::Configure, 0) == Action::Continue
    }

    fn on_tick(&mut self) {
        self.program.trace("tick");
        for (id, phase, program) in WAITING.take() {
            if hostcalls::set_effective_context(id).is_ok() {
                perform(&program, phase, 0);
            } else {
                log("the stream has ended");
            }
        }
        perform(&self.program, Phase::RootTick, 0);
    }

    fn on_queue_ready(&mut self, queue: u32) {
        while let Ok(Some(item)) = self.dequeue_shared_queue(queue) {
            log(&format!("queue: {}", String::from_utf8_lossy(&item)));
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        let program = self.program.clone();
        Some(Box::new(Stream { id, program }))
    }
}

struct Stream {
    id: u32,
    program: Program,
}

impl Stream {
    fn run_phase(&self, phase: Phase, name: &str, size: usize, end: bool) -> Action {
        self.program.trace(&format!("{name} {size} {end}"));
        let action = perform(&self.program, phase, size);
        if action == Action::Pause && self.program.has(Phase::Tick) {
            self.wait(Phase::Tick);
        }
        action
    }

    fn wait(&self, phase: Phase) {
        WAITING.with_borrow_mut(|all| {
            if all.iter().all(|(id, ..)| *id != self.id) {
                all.push((self.id, phase, self.program.clone()));
            }
        });
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _: u32, headers: usize, _: usize, _: usize) {
        // A broken HTTP call has no response headers, and the SDK panics if a filter reads them. A program with the phase
        // `BrokenCall` skips this check, so the probe then panics.
        let has_headers = headers > 0 || self.program.has(Phase::BrokenCall);
        let status = has_headers.then(|| self.get_http_call_response_header(":status"));
        let status = status.flatten();
        let body = self.get_http_call_response_body(0, usize::MAX);
        let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
        let status = status.unwrap_or_else(|| "none".into());
        log(&format!("call: {headers} {status} {body}"));
        perform(&self.program, Phase::Call, 0);
    }

    fn on_done(&mut self) -> bool {
        self.program.trace("done");
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, count: usize, end: bool) -> Action {
        if let Some(text) = self.get_http_request_header("x-do") {
            self.program = Program::read(&text);
        }
        if self.program.has(Phase::Later) {
            self.wait(Phase::Later);
        }
        self.run_phase(Phase::RequestHeaders, "request headers", count, end)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        if end {
            perform(&self.program, Phase::RequestEnd, size);
        }
        match self.run_phase(Phase::RequestBody, "request body", size, end) {
            Action::Pause if end && self.program.only_until_end => Action::Continue,
            action => action,
        }
    }

    fn on_http_request_trailers(&mut self, count: usize) -> Action {
        self.run_phase(Phase::RequestTrailers, "request trailers", count, true)
    }

    fn on_http_response_headers(&mut self, count: usize, end: bool) -> Action {
        self.run_phase(Phase::ResponseHeaders, "response headers", count, end)
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        if end {
            perform(&self.program, Phase::ResponseEnd, size);
        }
        match self.run_phase(Phase::ResponseBody, "response body", size, end) {
            Action::Pause if end && self.program.only_until_end => Action::Continue,
            action => action,
        }
    }

    fn on_http_response_trailers(&mut self, count: usize) -> Action {
        self.run_phase(Phase::ResponseTrailers, "response trailers", count, true)
    }

    fn on_log(&mut self) {
        self.program.trace("log");
        perform(&self.program, Phase::Log, 0);
    }
}
