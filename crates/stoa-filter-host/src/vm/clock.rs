//! Moves the clock of a VM, and handles the events that become due: ticks and timeouts of calls. Between two such events, notifies
//! filters of queue items, and ends completed streams.

use std::time::Duration;

use crate::call::Call;
use crate::machine::Machine;
use crate::message::Response;

/// The status that `get_status` returns for a broken HTTP call: its response has no headers.
const BROKEN_CALL_STATUS: u32 = 11;

impl Machine {
    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.host().now.saturating_add(time);
        self.process_pending_events();
        while let Some((due, event)) = self.next_event().filter(|(due, _)| *due <= end) {
            self.host().now = due;
            match event {
                Event::Tick(id) => {
                    self.on_tick(id);
                    let now = self.host().now;
                    if let Some(root) = self.host().roots.get_mut(&id) {
                        root.due = (!root.period.is_zero()).then_some(now + root.period);
                    }
                }
                Event::Timeout(token) => {
                    if let Some(call) = self.host().calls.take(token) {
                        let late = Response::new(504).body("upstream request timeout");
                        self.end_call(&call, Some(late.header("content-type", "text/plain")));
                    }
                }
            }
            self.process_pending_events();
        }
        self.host().now = end;
    }

    fn next_event(&self) -> Option<(Duration, Event)> {
        let host = self.host_ref();
        let ticks = host.roots.iter();
        let ticks = ticks.filter_map(|(id, root)| Some((root.due?, Event::Tick(*id))));
        let calls = host.calls.waiting.iter();
        let timeouts = calls.filter_map(|call| Some((call.due?, Event::Timeout(call.token))));
        ticks.chain(timeouts).min_by_key(|(due, _)| *due)
    }

    pub(super) fn end_call(&mut self, call: &Call, response: Option<Response>) {
        let sizes = response.as_ref().map_or([0; 3], |response| {
            let Response {
                headers,
                body,
                trailers,
            } = response;
            [headers.len(), body.len(), trailers.len()]
        });
        let calls = &mut self.host().calls;
        if response.is_none() {
            calls.status = (BROKEN_CALL_STATUS, "reset");
        }
        calls.response = response;
        self.on_http_call_response(call.root, call.token, sizes);
        let calls = &mut self.host().calls;
        calls.response = None;
        calls.status.1 = "";
    }

    /// Does the work that Envoy does between two events: notifies filters of queues that have items, and ends completed streams.
    pub(crate) fn process_pending_events(&mut self) {
        self.end_streams();
        while let Some((context, token)) = self.next_notification() {
            if self.host().exists(context) {
                self.on_queue_ready(context, token);
            }
            self.end_streams();
        }
    }

    fn next_notification(&mut self) -> Option<(u32, u32)> {
        let host = self.host();
        host.options.shared.next_notification(host.vm)
    }
}

enum Event {
    Tick(u32),
    Timeout(u32),
}
