//! The cart from which an order was made.

use stoa_service::Context;

use crate::app::App;
use crate::domain::Order;
use crate::error::Error;
use crate::store::carts;

/// Removes the ordered items from the cart and ends the order's claim on it. Repeats change nothing.
pub fn clear_cart(app: &App, context: &Context, order: &mut Order) -> Result<(), Error> {
    let Some(version) = order.cart_version.filter(|_| order.clear_cart) else {
        return Ok(());
    };
    let now = app.clients(context).cart.take_ordered(order, version)?;
    carts::release_cleared(&*app.db, order.order_id, now)?;
    order.clear_cart = false;
    Ok(())
}
