//! The application's parts.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;

use crate::client::ReportReceiver;
use crate::config::Config;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends the carrier's reports to the shop.
    pub outbound: Box<dyn Outbound>,
}

impl App {
    /// Makes calls on behalf of the request of `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// The shop, which receives the carrier's reports, on behalf of the request of `context`.
    pub fn report_receiver<'a>(&'a self, context: &'a Context) -> ReportReceiver<'a> {
        let Config {
            webhook_url,
            carrier_secret,
        } = &self.config;
        ReportReceiver::new(self.caller(context), webhook_url, carrier_secret)
    }
}
