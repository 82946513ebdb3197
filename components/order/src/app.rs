//! The application's parts, and what runs after the response.

use std::cell::Cell;

use shop_pricing::Prices;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::Millis;
use stoa_service::{Context, log, outbox};

use crate::clients::Clients;
use crate::clients::cart::CartClient;
use crate::clients::inventory::InventoryClient;
use crate::clients::payment::PaymentClient;
use crate::clients::product::ProductClient;
use crate::clients::shipping::ShippingClient;
use crate::clients::user::UserClient;
use crate::config::Config;
use crate::domain::FailPoint;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Calls to the other services.
    pub outbound: Box<dyn Outbound>,
    /// Computes money.
    pub prices: Box<dyn Prices>,
    /// The wall clock; a test has its own.
    pub clock: Box<dyn Fn() -> Millis>,
    /// Called before and after each step's call. A test may end the driver there by not returning; otherwise it does nothing.
    pub fail: Box<dyn Fn(&FailPoint)>,
    /// Whether this request added something to the outbox.
    pub outbox_dirty: Cell<bool>,
}

impl App {
    /// The current time.
    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// Makes calls on behalf of the request of `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// The clients for the services that an order needs.
    pub fn clients<'a>(&'a self, context: &'a Context) -> Clients<'a> {
        let (caller, config) = (self.caller(context), &self.config);
        Clients {
            cart: CartClient::new(caller, &config.cart_url),
            product: ProductClient::new(caller, &config.product_url),
            user: UserClient::new(caller, &config.user_url),
            inventory: InventoryClient::new(caller, &config.inventory_url),
            payment: PaymentClient::new(caller, &config.payment_url),
            shipping: ShippingClient::new(caller, &config.shipping_url),
        }
    }

    /// Sends the due entries of the outbox to notification.
    pub fn flush_outbox(&self, context: &Context) -> Result<outbox::Flushed, SqlError> {
        let caller = self.caller(context);
        outbox::flush(&*self.db, caller, &self.config.notification_url)
    }

    /// Sends what the request added to the outbox, after the client has its response.
    pub fn after_response(&self, context: &Context) {
        if !self.outbox_dirty.replace(false) {
            return;
        }
        if let Err(error) = self.flush_outbox(context) {
            let fields = serde_json::json!({"cause": error.to_string()});
            log::warn(context, "the outbox was not flushed", fields);
        }
    }
}
