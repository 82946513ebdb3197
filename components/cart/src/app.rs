//! The dependencies of the request handlers.

use shop_pricing::Prices;
use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;

use crate::clients::inventory::InventoryClient;
use crate::clients::product::ProductClient;
use crate::config::Config;
use crate::domain::{Item, Totals};
use crate::error::Error;

pub mod pricing;

/// The dependencies of the handlers.
pub struct App {
    /// The service's settings.
    pub config: Config,
    /// The database of carts.
    pub db: Box<dyn Database>,
    /// Sends HTTP calls to the services `product`, `inventory` and `user`.
    pub outbound: Box<dyn Outbound>,
    /// Computes line totals and sums.
    pub prices: Box<dyn Prices>,
}

impl App {
    /// Returns the sender of the outgoing calls that belong to the incoming request with this `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// A client of the service `product`, which supplies names and prices.
    pub fn product<'a>(&'a self, context: &'a Context) -> ProductClient<'a> {
        ProductClient::new(self.caller(context), &self.config.product_url)
    }

    /// A client of the service `inventory`, which reports the number of available units.
    pub fn inventory<'a>(&'a self, context: &'a Context) -> InventoryClient<'a> {
        InventoryClient::new(self.caller(context), &self.config.inventory_url)
    }

    /// The totals of `items`. Errors: [`Error::Pricing`].
    pub fn totals(&self, items: &[Item]) -> Result<Totals, Error> {
        pricing::totals(items, &*self.prices)
    }
}
