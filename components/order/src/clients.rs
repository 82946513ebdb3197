//! A typed client for each service that an order needs, on behalf of one request.
//!
//! [`cart`], [`product`] and [`user`] are read before the order is written; their errors are
//! [`PeerError`](stoa_service::outbound::PeerError)s. [`inventory`], [`payment`] and [`shipping`] are called by the saga, which needs
//! to know what a failed call proves: [`outcome`]. Each of the saga's calls may be repeated; its key is derived from the order.

pub mod cart;
pub mod inventory;
pub mod outcome;
pub mod payment;
pub mod product;
pub mod shipping;
pub mod user;

/// All of them.
pub struct Clients<'a> {
    /// The customer's cart.
    pub cart: cart::CartClient<'a>,
    /// Names and prices.
    pub product: product::ProductClient<'a>,
    /// The customer's contact.
    pub user: user::UserClient<'a>,
    /// Stock.
    pub inventory: inventory::InventoryClient<'a>,
    /// Money.
    pub payment: payment::PaymentClient<'a>,
    /// Parcels.
    pub shipping: shipping::ShippingClient<'a>,
}
