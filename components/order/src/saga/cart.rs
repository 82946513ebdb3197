//! Removes the items of an order from the cart from which it was made.

use stoa_service::Context;

use crate::app::App;
use crate::domain::Order;
use crate::error::Error;
use crate::store::carts;

/// Removes the ordered items from the customer's cart, and ends the order's claim on the cart. A repeated call changes nothing.
pub fn clear_cart(app: &App, context: &Context, order: &mut Order) -> Result<(), Error> {
    let Some(version) = order.cart_version.filter(|_| order.clear_cart) else {
        return Ok(());
    };
    let version_now = app.clients(context).cart.remove_ordered(order, version)?;
    carts::release_cleared(&*app.db, order.order_id, version_now)?;
    order.clear_cart = false;
    Ok(())
}
