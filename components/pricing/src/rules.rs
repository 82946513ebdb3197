//! The rules of prices, as pure functions. Amounts are whole numbers of minor units, so nothing is ever rounded.

/// The largest amount, in minor units. `stoa_service::money` has the same limit.
pub const MAX_AMOUNT: u64 = 999_999_999_999_999;

/// An amount of money in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// The amount in minor units, such as cents.
    pub amount: u64,
    /// The currency code, ISO 4217.
    pub currency: String,
}

/// A line to price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: String,
    /// The number of units, at least 1.
    pub quantity: u32,
    /// The price of one unit; `None` if the item has no price.
    pub unit_price: Option<Money>,
}

/// A line with its price and total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// The stock keeping unit.
    pub sku: String,
    /// The number of units.
    pub quantity: u32,
    /// The price of one unit.
    pub unit_price: Money,
    /// `quantity` times `unit_price`.
    pub total: Money,
}

/// The priced lines, in the sequence of the request, and their sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The priced lines, one for each requested line.
    pub lines: Vec<PricedLine>,
    /// The sum of all lines.
    pub total: Money,
}

/// The reason why a quote failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuoteError {
    /// The request has no lines.
    Empty,
    /// Some items have no price. The value lists their SKUs.
    Unpriced(Vec<String>),
    /// The lines have different currencies.
    MixedCurrencies,
    /// The quantity of an item is 0. The value is the item's SKU.
    BadQuantity(String),
    /// A price, the total of a line, or the sum exceeds [`MAX_AMOUNT`].
    Overflow,
}

/// Computes the total of each line and the sum of all lines. Returns at most one error. A quantity of 0 comes before all other
/// errors, and missing prices come next. Of the remaining errors, the error of the earliest line is returned.
pub fn quote(lines: Vec<Line>) -> Result<Priced, QuoteError> {
    if let Some(line) = lines.iter().find(|line| line.quantity == 0) {
        return Err(QuoteError::BadQuantity(line.sku.clone()));
    }
    let (mut priced, mut unpriced) = (Vec::with_capacity(lines.len()), Vec::new());
    let mut sum: Option<Money> = None;
    let mut fault = None;
    for Line {
        sku,
        quantity,
        unit_price,
    } in lines
    {
        let Some(unit_price) = unit_price else {
            unpriced.push(sku);
            continue;
        };
        match add(sum.as_ref(), quantity, &unit_price) {
            Ok((total, sum_now)) => {
                sum = Some(sum_now);
                priced.push(PricedLine {
                    sku,
                    quantity,
                    unit_price,
                    total,
                });
            }
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    if !unpriced.is_empty() {
        return Err(QuoteError::Unpriced(unpriced));
    }
    match (fault, sum) {
        (Some(fault), _) => Err(fault),
        (None, None) => Err(QuoteError::Empty),
        (None, Some(total)) => Ok(Priced {
            lines: priced,
            total,
        }),
    }
}

/// Returns the total of a line, and the sum after this line is added.
fn add(sum: Option<&Money>, quantity: u32, price: &Money) -> Result<(Money, Money), QuoteError> {
    let before = match sum {
        Some(sum) if sum.currency != price.currency => return Err(QuoteError::MixedCurrencies),
        Some(sum) => sum.amount,
        None => 0,
    };
    let checked_amount = |amount: Option<u64>| {
        amount
            .filter(|amount| *amount <= MAX_AMOUNT)
            .map(|amount| Money {
                amount,
                currency: price.currency.clone(),
            })
            .ok_or(QuoteError::Overflow)
    };
    let total = checked_amount(price.amount.checked_mul(u64::from(quantity)))?;
    let sum = checked_amount(before.checked_add(total.amount))?;
    Ok((total, sum))
}
