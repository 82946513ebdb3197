//! The values that every request handler uses, and the work that runs after the response.

use std::cell::Cell;

use serde_json::json;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Providers;
use crate::config::Config;
use crate::delivery;

/// The values that every request handler uses.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends calls to the e-mail and SMS providers and to the `user` service.
    pub outbound: Box<dyn Outbound>,
    /// True if this request accepted an event that causes deliveries.
    pub deliveries_due: Cell<bool>,
}

impl App {
    /// Returns the sender for calls on behalf of the request with this `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// Returns a client that calls the e-mail and SMS providers on behalf of the request with this `context`.
    pub fn providers<'a>(&'a self, context: &'a Context) -> Providers<'a> {
        Providers::new(
            self.caller(context),
            &self.config.courier_url,
            &self.config.sms_url,
        )
    }

    /// If this request accepted an event, attempts all due deliveries. An error of the database is only logged, because the
    /// deliveries that are left are attempted after a later event, or by `POST /internal/notifications/deliver`.
    pub fn after_response(&self, context: &Context) {
        if !self.deliveries_due.take() {
            return;
        }
        if let Err(error) = delivery::deliver(&*self.db, &self.providers(context), context) {
            let fields = json!({"error": error.to_string()});
            log::error(context, "cannot send the deliveries that are due", fields);
        }
    }
}
