//! The dependencies of the request handlers, and the work after each response.

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
    /// The service's settings.
    pub config: Config,
    /// The database of orders.
    pub db: Box<dyn Database>,
    /// Sends HTTP calls to the other services.
    pub outbound: Box<dyn Outbound>,
    /// Computes line totals and sums.
    pub prices: Box<dyn Prices>,
    /// The wall clock, in milliseconds; tests replace this function.
    pub clock: Box<dyn Fn() -> Millis>,
    /// The driver calls this function before and after each step's call. In a test, the function can end the driver by not
    /// returning. Outside tests the function does nothing.
    pub on_fail_point: Box<dyn Fn(&FailPoint)>,
    /// Whether this request added an event to the outbox.
    pub outbox_dirty: Cell<bool>,
}

impl App {
    /// The current time, in milliseconds.
    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// Returns the sender of the outgoing calls that belong to the incoming request with this `context`.
    pub fn caller<'a>(&'a self, context: &'a Context) -> Caller<'a> {
        Caller {
            outbound: &*self.outbound,
            context,
        }
    }

    /// Clients of the other services. Their calls belong to the incoming request with this `context`.
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

    /// Sends the due events in the outbox to the service `notification`.
    pub fn flush_outbox(&self, context: &Context) -> Result<outbox::Flushed, SqlError> {
        let caller = self.caller(context);
        outbox::flush(&*self.db, caller, &self.config.notification_url)
    }

    /// If the request added an event to the outbox, sends the events in the outbox. Runs after the client received its response.
    pub fn after_response(&self, context: &Context) {
        if !self.outbox_dirty.replace(false) {
            return;
        }
        if let Err(error) = self.flush_outbox(context) {
            let fields = serde_json::json!({"cause": error.to_string()});
            log::warn(context, "cannot send the events in the outbox", fields);
        }
    }
}
