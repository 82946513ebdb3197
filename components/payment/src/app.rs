//! The application's parts.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;

use crate::client::Processor;
use crate::config::Config;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends calls to the card processor.
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

    /// The card processor, on behalf of the request of `context`.
    pub fn processor<'a>(&'a self, context: &'a Context) -> Processor<'a> {
        Processor::new(self.caller(context), &self.config.processor_url)
    }
}
