//! The settings, the database and the clients that every request handler uses.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;

use crate::clients::{InventoryClient, OrderClient, Pim};
use crate::config::Config;
use crate::domain::Release;

/// The values that every request handler uses.
pub struct App {
    /// The validated settings.
    pub config: Config,
    /// The database of the service `product`.
    pub db: Box<dyn Database>,
    /// Sends calls to other services.
    pub outbound: Box<dyn Outbound>,
    /// The release of this build.
    pub release: Release,
}

impl App {
    /// Returns the sender of the outgoing calls that belong to the incoming request with this `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// Returns a client of the PIM for the request with this `context`.
    pub fn pim<'a>(&'a self, context: &'a Context) -> Pim<'a> {
        Pim::new(self.caller(context), &self.config.pim_url)
    }

    /// Returns a client of the service `inventory` for the request with this `context`.
    pub fn inventory<'a>(&'a self, context: &'a Context) -> InventoryClient<'a> {
        InventoryClient::new(self.caller(context), &self.config.inventory_url)
    }

    /// Returns a client of the service `order` for the request with this `context`.
    pub fn order<'a>(&'a self, context: &'a Context) -> OrderClient<'a> {
        OrderClient::new(self.caller(context), &self.config.order_url)
    }
}
