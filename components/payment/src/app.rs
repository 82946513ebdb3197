//! The values that every request handler uses.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;

use crate::client::Processor;
use crate::config::Config;

/// The values that every request handler uses.
pub struct App {
    /// The validated settings.
    pub config: Config,
    /// The database of this service.
    pub db: Box<dyn Database>,
    /// Sends calls to the card processor.
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

    /// Returns a client that calls the card processor on behalf of the request with this `context`.
    pub fn processor<'a>(&'a self, context: &'a Context) -> Processor<'a> {
        Processor::new(self.caller(context), &self.config.processor_url)
    }
}
