//! The totals of items, computed by the component `pricing`.

use shop_pricing::{PriceError, Prices, Quote, QuoteLine};

use crate::domain::{Item, Totals};
use crate::error::Error;

/// The totals of `items`, in one call if they have a sum. Errors: [`Error::Pricing`].
pub fn totals(items: &[Item], prices: &dyn Prices) -> Result<Totals, Error> {
    let priced: Vec<_> = items.iter().filter_map(line).collect();
    let whole = quote(prices, &priced)?;
    let mut of_priced = match &whole {
        Some(quote) => quote.line_totals.iter().copied().map(Some).collect(),
        // The items have no common sum, but each line may still have a total.
        None => priced
            .iter()
            .map(|line| Ok(quote(prices, std::slice::from_ref(line))?.map(|quote| quote.total)))
            .collect::<Result<Vec<_>, Error>>()?,
    }
    .into_iter();
    Ok(Totals {
        lines: items
            .iter()
            .map(|item| item.price.and_then(|_| of_priced.next().flatten()))
            .collect(),
        whole: whole.map(|quote| quote.total),
    })
}

fn line(item: &Item) -> Option<QuoteLine<'_>> {
    Some(QuoteLine {
        sku: item.sku.as_str(),
        quantity: item.quantity,
        unit_price: Some(item.price?),
    })
}

/// `None` if there are no lines, or if they have no sum.
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
