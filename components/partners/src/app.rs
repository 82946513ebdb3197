//! The values that every request handler uses.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;

use crate::client::ReportReceiver;
use crate::config::Config;

/// The values that every request handler uses.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends the carrier's reports to the shop.
    pub outbound: Box<dyn Outbound>,
}

impl App {
    /// Returns the sender for calls on behalf of the request with this `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// Returns a client that sends the carrier's reports to the shop on behalf of the request with this `context`.
    pub fn report_receiver<'a>(&'a self, context: &'a Context) -> ReportReceiver<'a> {
        let Config {
            webhook_url,
            carrier_secret,
        } = &self.config;
        ReportReceiver::new(self.caller(context), webhook_url, carrier_secret)
    }
}
