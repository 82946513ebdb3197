//! The application's parts.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};

use crate::client::ProductClient;
use crate::config::Config;

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// Sends the calls to product.
    pub outbound: Box<dyn Outbound>,
}

impl App {
    /// The way out of the request of `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// The list of products.
    pub fn product<'a>(&'a self, context: &'a Context) -> ProductClient<'a> {
        ProductClient::new(self.caller(context), &self.config.product_url)
    }
}
