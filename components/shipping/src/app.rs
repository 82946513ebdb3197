//! The values that every request handler uses, and the work that runs after the response.

use std::cell::Cell;

use serde_json::json;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::outbox::{self, Flushed};
use stoa_service::sql::{Database, SqlError};
use stoa_service::{Context, log};

use crate::call_offs;
use crate::client::Carrier;
use crate::config::Config;

/// The values that every request handler uses.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends calls to the carrier and to the `notification` service.
    pub outbound: Box<dyn Outbound>,
    /// True if this request may have added an event to the outbox, or a call-off to the queue.
    pub outbox_dirty: Cell<bool>,
}

impl App {
    /// Returns the sender for calls on behalf of the request with this `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// Returns a client that calls the carrier on behalf of the request with this `context`.
    pub fn carrier<'a>(&'a self, context: &'a Context) -> Carrier<'a> {
        Carrier::new(self.caller(context), &self.config.carrier_url)
    }

    /// Sends the due events of the outbox to the `notification` service.
    pub fn flush_outbox(&self, context: &Context) -> Result<Flushed, SqlError> {
        let url = &self.config.notification_url;
        outbox::flush(&*self.db, self.caller(context), url)
    }

    /// Sends the due call-offs to the carrier. A failure is only logged, because the call-offs stay in the queue.
    pub fn send_call_offs(&self, context: &Context) {
        let outcome = call_offs::send(&*self.db, &self.carrier(context), context);
        if let Err(error) = outcome {
            let fields = json!({"error": error.to_string()});
            log::warn(
                context,
                "cannot send the call-offs to the carrier; the call-offs will be sent later",
                fields,
            );
        }
    }

    /// If the request added events or call-offs, sends the due events to the `notification` service and the due call-offs to the
    /// carrier. Failures are only logged, because the operator's timer calls `POST /internal/shipments/outbox`, which sends the
    /// events and call-offs that are left.
    pub fn after_response(&self, context: &Context) {
        if !self.outbox_dirty.take() {
            return;
        }
        if let Err(error) = self.flush_outbox(context) {
            let fields = json!({"error": error.to_string()});
            log::warn(
                context,
                "cannot send the events of the outbox; the events will be sent later",
                fields,
            );
        }
        self.send_call_offs(context);
    }
}
