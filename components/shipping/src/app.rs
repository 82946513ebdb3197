//! The application's parts, and what runs after the response.

use std::cell::Cell;

use serde_json::json;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::outbox::{self, Flushed};
use stoa_service::sql::{Database, SqlError};
use stoa_service::{Context, log};

use crate::call_offs;
use crate::client::Carrier;
use crate::config::Config;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends calls to the carrier and to notification.
    pub outbound: Box<dyn Outbound>,
    /// Whether this request may have left something to send: an event in the outbox, or a call-off for the carrier.
    pub outbox_dirty: Cell<bool>,
}

impl App {
    /// Makes calls on behalf of the request of `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// The carrier, on behalf of the request of `context`.
    pub fn carrier<'a>(&'a self, context: &'a Context) -> Carrier<'a> {
        Carrier::new(self.caller(context), &self.config.carrier_url)
    }

    /// Sends the events of the outbox to notification.
    pub fn flush_outbox(&self, context: &Context) -> Result<Flushed, SqlError> {
        let url = &self.config.notification_url;
        outbox::flush(&*self.db, self.caller(context), url)
    }

    /// Sends the due call-offs to the carrier. A failure is logged; unsent call-offs stay for the next pass.
    pub fn send_call_offs(&self, context: &Context) {
        let outcome = call_offs::send(&*self.db, &self.carrier(context), context);
        if let Err(error) = outcome {
            let fields = json!({"error": error.to_string()});
            log::warn(context, "call-offs still wait for the carrier", fields);
        }
    }

    /// Sends what the request left to send: events to notification, call-offs to the carrier. Failed ones stay for the operator's
    /// passes.
    pub fn after_response(&self, context: &Context) {
        if !self.outbox_dirty.take() {
            return;
        }
        if let Err(error) = self.flush_outbox(context) {
            let fields = json!({"error": error.to_string()});
            log::warn(context, "the outbox stays full", fields);
        }
        self.send_call_offs(context);
    }
}
