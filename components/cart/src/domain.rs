//! What a cart is and how it is priced, pure.

use serde::Serialize;
use shop_pricing::{PriceError, Prices, Quote, QuoteLine};
use stoa_service::money::Money;
use stoa_service::time::{Millis, rfc3339};

use crate::ports::Product;

/// The most units of one item.
pub const MAX_QUANTITY: u32 = 99;
/// The most items of one cart.
pub const MAX_ITEMS: usize = 50;

/// An item as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The stock keeping unit.
    pub sku: String,
    /// Units, 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
    /// What product called it at `seen_at`.
    pub name: String,
    /// What it cost at `seen_at`; `None` where it had no price.
    pub price: Option<Money>,
    /// When product was asked, in milliseconds.
    pub seen_at: Millis,
}

/// An item as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: String,
    /// The product's name.
    pub name: String,
    /// Units.
    pub quantity: u32,
    /// Null where the product has no price.
    pub unit_price: Option<Money>,
    /// `quantity` units; null where there is no price, or no amount large enough.
    pub line_total: Option<Money>,
}

/// A line of an order: so many units of this cart were ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The stock keeping unit.
    pub sku: String,
    /// Units, 1 or more.
    pub quantity: u32,
}

/// A cart as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cart {
    /// Grows with every change, from 0 for a cart that was never used. An order claims the version that it was made from.
    pub version: i64,
    /// The items, oldest first.
    pub items: Vec<Item>,
    /// Of the items that have a price. Null where there are none, and where there is no such sum: items in two
    /// currencies, or more than an amount may be.
    pub total: Option<Money>,
    /// The SKUs of items without a price; an order would refuse them.
    pub unpriced: Vec<String>,
    /// Only while product is down: the prices are those of this time (the oldest of them), RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices_as_of: Option<String>,
}

/// Puts in names and prices as product tells them now. An item that is gone from the catalogue keeps its name and has
/// no price.
pub fn refresh(kept: &mut [Kept], products: &[Product]) {
    for item in kept {
        let product = products.iter().find(|p| p.sku == item.sku);
        item.price = product.and_then(|p| p.price);
        if let Some(product) = product {
            item.name.clone_from(&product.name);
        }
    }
}

/// The time of the oldest price, where there is one.
pub fn oldest(kept: &[Kept]) -> Option<String> {
    kept.iter().map(|item| item.seen_at).min().map(rfc3339)
}

/// Prices what is kept, as version 0. Errors: [`PriceError::Broken`] only.
pub fn price(kept: &[Kept], prices: &dyn Prices) -> Result<Cart, PriceError> {
    let lines: Vec<_> = kept.iter().filter_map(line).collect();
    let whole = quote(prices, &lines)?;
    let mut line_totals = match &whole {
        Some(quote) => quote.line_totals.iter().copied().map(Some).collect(),
        // No sum of all: each line alone may still have one.
        None => lines
            .iter()
            .map(|line| Ok(quote(prices, std::slice::from_ref(line))?.map(|q| q.total)))
            .collect::<Result<Vec<_>, PriceError>>()?,
    }
    .into_iter();
    let items = kept
        .iter()
        .map(|item| Item {
            sku: item.sku.clone(),
            name: item.name.clone(),
            quantity: item.quantity,
            unit_price: item.price,
            line_total: item.price.and_then(|_| line_totals.next().flatten()),
        })
        .collect();
    Ok(Cart {
        version: 0,
        items,
        total: whole.map(|quote| quote.total),
        unpriced: kept
            .iter()
            .filter(|item| item.price.is_none())
            .map(|item| item.sku.clone())
            .collect(),
        prices_as_of: None,
    })
}

fn line(item: &Kept) -> Option<QuoteLine<'_>> {
    Some(QuoteLine {
        sku: &item.sku,
        quantity: item.quantity,
        unit_price: Some(item.price?),
    })
}

/// `None` where there are no lines, or no sum of them.
fn quote(prices: &dyn Prices, lines: &[QuoteLine<'_>]) -> Result<Option<Quote>, PriceError> {
    if lines.is_empty() {
        return Ok(None);
    }
    match prices.quote(lines) {
        Ok(quote) => Ok(Some(quote)),
        Err(PriceError::MixedCurrencies | PriceError::Overflow) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A SKU is 1 to 64 of `A-Z a-z 0-9 - _ .`; nothing else names a product.
pub fn is_sku(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
