//! The settings and the client that every request handler uses.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};

use crate::client::ProductClient;
use crate::config::Config;

/// The values that every request handler uses.
pub struct App {
    /// The validated settings.
    pub config: Config,
    /// Sends calls to the service `product`.
    pub outbound: Box<dyn Outbound>,
}

impl App {
    /// Returns the sender of the outgoing calls that belong to the incoming request with this `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// Returns a client of the service `product` for the request with this `context`.
    pub fn product<'a>(&'a self, context: &'a Context) -> ProductClient<'a> {
        ProductClient::new(self.caller(context), &self.config.product_url)
    }
}
