//! A typed client for each service that the service `order` calls. A client makes its calls on behalf of one request.
//!
//! The clients [`cart`], [`product`] and [`user`] read data before an order is written. They return
//! [`PeerError`](stoa_service::outbound::PeerError). The saga uses the clients [`inventory`], [`payment`] and [`shipping`]. The
//! saga must know whether a failed call can have had an effect, so these three clients return the errors of [`outcome`]. The saga's
//! calls can be repeated safely, because their idempotency keys are derived from the order's id.

pub mod cart;
pub mod inventory;
pub mod outcome;
pub mod payment;
pub mod product;
pub mod shipping;
pub mod user;

/// The clients of all services that `order` calls.
pub struct Clients<'a> {
    /// Reads the customer's cart, and removes ordered items from a cart.
    pub cart: cart::CartClient<'a>,
    /// Reads the names and prices of products.
    pub product: product::ProductClient<'a>,
    /// Reads the customer's contact data.
    pub user: user::UserClient<'a>,
    /// Reserves, commits and releases stock.
    pub inventory: inventory::InventoryClient<'a>,
    /// Charges and refunds cards.
    pub payment: payment::PaymentClient<'a>,
    /// Creates and cancels shipments.
    pub shipping: shipping::ShippingClient<'a>,
}
