//! The application's parts.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};

use crate::client::ProductClient;
use crate::config::Config;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// Sends the calls to product.
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

    /// The list of products.
    pub fn product<'a>(&'a self, context: &'a Context) -> ProductClient<'a> {
        ProductClient::new(self.caller(context), &self.config.product_url)
    }
}
