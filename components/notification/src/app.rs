//! The application's parts, and its work after the response.

use std::cell::Cell;

use serde_json::json;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Providers;
use crate::config::Config;
use crate::delivery;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends the calls to the providers and to user.
    pub outbound: Box<dyn Outbound>,
    /// Whether this request accepted an event with deliveries.
    pub deliveries_due: Cell<bool>,
}

impl App {
    /// Calls on behalf of one request.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// The providers of e-mail and SMS.
    pub fn providers<'a>(&'a self, context: &'a Context) -> Providers<'a> {
        Providers::new(
            self.caller(context),
            &self.config.courier_url,
            &self.config.sms_url,
        )
    }

    /// A first attempt at the deliveries of this request. A failed one is only logged: it is retried by
    /// `POST /internal/notifications/deliver` or after the next event.
    pub fn after_response(&self, context: &Context) {
        if !self.deliveries_due.take() {
            return;
        }
        if let Err(error) = delivery::deliver(&*self.db, &self.providers(context), context) {
            let fields = json!({"error": error.to_string()});
            log::error(context, "nothing could be delivered after an event", fields);
        }
    }
}
