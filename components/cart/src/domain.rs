//! Types and rules, pure.

use serde::{Deserialize, Serialize};
use stoa_service::Sku;
use stoa_service::money::Money;
use stoa_service::time::{Millis, rfc3339};

use crate::error::Error;

/// The most items of one cart. At most 100: product returns that many in one call.
pub const MAX_ITEMS: usize = 50;
/// The most units of one item.
pub const MAX_QUANTITY: u32 = 99;

/// A product in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// `None` where it has no price.
    pub price: Option<Money>,
}

/// An item as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: Sku,
    /// Units, 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
    /// The product's name at `seen_at`.
    pub name: String,
    /// The product's price at `seen_at`; `None` where it had no price.
    pub price: Option<Money>,
    /// When product returned name and price, in milliseconds.
    pub seen_at: Millis,
}

impl Item {
    /// `quantity` units of a product at its current price. Errors: [`Error::InsufficientStock`].
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
            seen_at: now,
        })
    }

    /// The item as responses show it.
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
    /// Grows with every change, from 0 for a cart that was never used. An order claims the version from which it was made.
    pub version: i64,
    /// The items, oldest first.
    pub items: Vec<Item>,
}

impl Cart {
    /// Sets names and prices to those of `products`. An item that is no longer in the catalogue keeps its name and has no price.
    pub fn refresh(&mut self, products: &[Product]) {
        for item in &mut self.items {
            let product = products.iter().find(|product| product.sku == item.sku);
            item.price = product.and_then(|product| product.price);
            if let Some(product) = product {
                item.name.clone_from(&product.name);
            }
        }
    }

    /// When the oldest price was read, RFC 3339; `None` for an empty cart.
    pub fn prices_as_of(&self) -> Option<String> {
        let oldest = self.items.iter().map(|item| item.seen_at).min();
        oldest.map(rfc3339)
    }

    /// The cart as responses show it. `totals` belong to its items.
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
            total: totals.whole,
            unpriced: unpriced.map(|item| item.sku.clone()).collect(),
            prices_as_of,
        }
    }
}

/// Checks that a cart with `others` items has room for one more.
pub fn check_room(others: usize) -> Result<(), Error> {
    if others >= MAX_ITEMS {
        return Err(Error::CartFull(MAX_ITEMS));
    }
    Ok(())
}

/// The totals of items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The total of each item, in the order of the items; `None` if it has no price, or if the total exceeds the largest amount.
    pub lines: Vec<Option<Money>>,
    /// The sum of the items that have a price. `None` if there are none, or no sum: items in two currencies, or a sum above the
    /// largest amount.
    pub whole: Option<Money>,
}

/// An item as responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PricedItem {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// Units.
    pub quantity: u32,
    /// Null where the product has no price.
    pub unit_price: Option<Money>,
    /// `quantity` units; null as in [`Totals::lines`].
    pub line_total: Option<Money>,
}

/// A cart as responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PricedCart {
    /// [`Cart::version`].
    pub version: i64,
    /// The items, oldest first.
    pub items: Vec<PricedItem>,
    /// [`Totals::whole`].
    pub total: Option<Money>,
    /// The SKUs of items without a price; an order rejects them.
    pub unpriced: Vec<Sku>,
    /// Only while product is down: when the oldest of the prices was read, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices_as_of: Option<String>,
}

/// A line of an order: the ordered units of an item in a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedLine {
    /// The stock keeping unit.
    pub sku: Sku,
    /// Units, 1 or more.
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
    fn an_item_holds_at_most_what_is_available() {
        assert_eq!(Item::new(product("A"), 3, 3, 0).unwrap().quantity, 3);
        let error = Item::new(product("A"), 4, 3, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "quantity: 4 of `A` requested, 3 available"
        );
    }

    #[test]
    fn prices_are_as_old_as_the_oldest_of_them() {
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
