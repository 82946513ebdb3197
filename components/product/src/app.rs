//! The application's parts.

use stoa_service::Context;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::Database;

use crate::clients::{InventoryClient, OrderClient, Pim};
use crate::config::Config;
use crate::domain::Release;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Sends the calls to other services.
    pub outbound: Box<dyn Outbound>,
    /// The release of this build.
    pub release: Release,
}

impl App {
    /// Calls on behalf of one request.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// The PIM.
    pub fn pim<'a>(&'a self, context: &'a Context) -> Pim<'a> {
        Pim::new(self.caller(context), &self.config.pim_url)
    }

    /// The service inventory.
    pub fn inventory<'a>(&'a self, context: &'a Context) -> InventoryClient<'a> {
        InventoryClient::new(self.caller(context), &self.config.inventory_url)
    }

    /// The service order.
    pub fn order<'a>(&'a self, context: &'a Context) -> OrderClient<'a> {
        OrderClient::new(self.caller(context), &self.config.order_url)
    }
}
