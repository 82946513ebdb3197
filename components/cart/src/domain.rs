//! The types and rules of a cart, without input or output.

use serde::{Deserialize, Serialize};
use stoa_service::Sku;
use stoa_service::money::Money;
use stoa_service::time::{Millis, rfc3339};

use crate::error::Error;

/// The maximum number of items in a cart. The value must not exceed 100, because `product` returns at most 100 products in one
/// call.
pub const MAX_ITEMS: usize = 50;
/// The maximum number of units of one item.
pub const MAX_QUANTITY: u32 = 99;

/// A product in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// The price of one unit; `None` if the product has no price.
    pub price: Option<Money>,
}

/// An item of a cart, as the database stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The number of units, 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
    /// The product's name at the time `priced_at`.
    pub name: String,
    /// The price of one unit at the time `priced_at`; `None` if the product had no price.
    pub price: Option<Money>,
    /// The time at which the service `product` returned the name and the price, in milliseconds.
    pub priced_at: Millis,
}

impl Item {
    /// An item with `quantity` units of `product` at its current price. Errors: [`Error::InsufficientStock`] if fewer units are
    /// available.
    pub fn new(
        product: Product,
        quantity: u32,
        available: i64,
        now: Millis,
    ) -> Result<Self, Error> {
        if i64::from(quantity) > available {
            return Err(Error::InsufficientStock {
                sku: product.sku,
                quantity,
                available,
            });
        }
        Ok(Self {
            sku: product.sku,
            quantity,
            name: product.name,
            price: product.price,
            priced_at: now,
        })
    }

    /// The item in the format of responses.
    pub fn priced(&self, line_total: Option<Money>) -> PricedItem {
        PricedItem {
            sku: self.sku.clone(),
            name: self.name.clone(),
            quantity: self.quantity,
            unit_price: self.price,
            line_total,
        }
    }
}

/// A cart as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// The version of the cart: 0 for a new cart, and one more after each change. An order claims the version from which it was
    /// made.
    pub version: i64,
    /// The items, oldest first.
    pub items: Vec<Item>,
}

impl Cart {
    /// Copies names and prices from `products` to the items. An item that is no longer in the catalogue keeps its name and loses
    /// its price.
    pub fn refresh(&mut self, products: &[Product]) {
        for item in &mut self.items {
            let product = products.iter().find(|product| product.sku == item.sku);
            item.price = product.and_then(|product| product.price);
            if let Some(product) = product {
                item.name.clone_from(&product.name);
            }
        }
    }

    /// The time at which the oldest of the cart's prices was read, in the format RFC 3339; `None` for an empty cart.
    pub fn prices_as_of(&self) -> Option<String> {
        let oldest = self.items.iter().map(|item| item.priced_at).min();
        oldest.map(rfc3339)
    }

    /// The cart in the format of responses. `totals` are the totals of the cart's items.
    pub fn priced(&self, totals: &Totals, prices_as_of: Option<String>) -> PricedCart {
        let unpriced = self.items.iter().filter(|item| item.price.is_none());
        PricedCart {
            version: self.version,
            items: self
                .items
                .iter()
                .zip(&totals.lines)
                .map(|(item, line_total)| item.priced(*line_total))
                .collect(),
            total: totals.sum,
            unpriced: unpriced.map(|item| item.sku.clone()).collect(),
            prices_as_of,
        }
    }
}

/// Checks that a cart with `others` other items has room for one more item.
pub fn check_room(others: usize) -> Result<(), Error> {
    if others >= MAX_ITEMS {
        return Err(Error::CartFull(MAX_ITEMS));
    }
    Ok(())
}

/// The totals of the items in a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The total of each item, in the sequence of the items. `None` if the item has no price or its total exceeds the largest
    /// amount.
    pub lines: Vec<Option<Money>>,
    /// The sum of the items that have a price. `None` if no item has a price, if their currencies differ, or if the sum exceeds the
    /// largest amount.
    pub sum: Option<Money>,
}

/// An item in the format of responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PricedItem {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// The number of units.
    pub quantity: u32,
    /// The price of one unit; null if the product has no price.
    pub unit_price: Option<Money>,
    /// The total of the item; null if the item has no price or the total exceeds the largest amount.
    pub line_total: Option<Money>,
}

/// A cart in the format of responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PricedCart {
    /// The version of the cart, as in [`Cart::version`].
    pub version: i64,
    /// The items, oldest first.
    pub items: Vec<PricedItem>,
    /// The sum of the items that have a price; null as described for [`Totals::sum`].
    pub total: Option<Money>,
    /// The SKUs of items without a price. The service `order` rejects a cart with such items.
    pub unpriced: Vec<Sku>,
    /// The time at which the oldest of the cart's prices was read, in the format RFC 3339. Present only while the service `product`
    /// is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices_as_of: Option<String>,
}

/// A line of an order that was made from a cart: an item and its ordered units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedLine {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The number of units, 1 or more.
    pub quantity: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(sku: &str) -> Product {
        let sku: Sku = sku.parse().unwrap();
        let name = format!("Thing {sku}");
        let price = None;
        Product { sku, name, price }
    }

    #[test]
    fn a_cart_takes_items_until_it_is_full() {
        assert!(check_room(MAX_ITEMS - 1).is_ok());
        let error = check_room(MAX_ITEMS).unwrap_err();
        assert!(matches!(error, Error::CartFull(MAX_ITEMS)), "{error}");
    }

    #[test]
    fn an_item_holds_at_most_the_available_units() {
        assert_eq!(Item::new(product("A"), 3, 3, 0).unwrap().quantity, 3);
        let error = Item::new(product("A"), 4, 3, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "quantity: 4 of `A` requested, 3 available"
        );
    }

    #[test]
    fn prices_as_of_is_the_time_of_the_oldest_price() {
        let item = |sku: &str, now| Item::new(product(sku), 1, 1, now).unwrap();
        let mut cart = Cart {
            version: 1,
            items: vec![item("A", 2_000), item("B", 1_000)],
        };
        let oldest = cart.prices_as_of();
        assert_eq!(oldest.as_deref(), Some("1970-01-01T00:00:01Z"));
        cart.items.clear();
        assert_eq!(cart.prices_as_of(), None);
    }
}
