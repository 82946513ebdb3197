//! Computes the totals of items with the component `pricing`.

use shop_pricing::{PriceError, Prices, Quote, QuoteLine};

use crate::domain::{Item, Totals};
use crate::error::Error;

/// Returns the totals of `items`: the sum, and the total of each item. One call to `pricing` is enough if the sum can be computed.
/// If not, the function also makes one call for each item. Errors: [`Error::Pricing`].
pub fn totals(items: &[Item], prices: &dyn Prices) -> Result<Totals, Error> {
    let priced: Vec<_> = items.iter().filter_map(line).collect();
    let all_items = quote(prices, &priced)?;
    let mut priced_totals = match &all_items {
        Some(quote) => quote.line_totals.iter().copied().map(Some).collect(),
        // There is no sum, because the currencies differ or the sum is too large. An item may still have a total, so each item is
        // priced alone.
        None => priced
            .iter()
            .map(|line| Ok(quote(prices, std::slice::from_ref(line))?.map(|quote| quote.total)))
            .collect::<Result<Vec<_>, Error>>()?,
    }
    .into_iter();
    Ok(Totals {
        lines: items
            .iter()
            .map(|item| item.price.and_then(|_| priced_totals.next().flatten()))
            .collect(),
        sum: all_items.map(|quote| quote.total),
    })
}

fn line(item: &Item) -> Option<QuoteLine<'_>> {
    Some(QuoteLine {
        sku: item.sku.as_str(),
        quantity: item.quantity,
        unit_price: Some(item.price?),
    })
}

/// The quote for `lines`. `None` if there are no lines, if their currencies differ, or if the sum exceeds the largest amount.
fn quote(prices: &dyn Prices, lines: &[QuoteLine<'_>]) -> Result<Option<Quote>, Error> {
    if lines.is_empty() {
        return Ok(None);
    }
    match prices.quote(lines) {
        Ok(quote) => Ok(Some(quote)),
        Err(PriceError::MixedCurrencies | PriceError::Overflow) => Ok(None),
        Err(error) => Err(Error::Pricing(Box::new(error))),
    }
}
