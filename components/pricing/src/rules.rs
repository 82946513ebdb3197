//! The rules, pure. Amounts are integers of minor units: nothing is ever rounded.

/// The largest amount, in minor units: the same as in `stoa_service::money`.
pub const MAX_AMOUNT: u64 = 999_999_999_999_999;

/// An amount of a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Minor units (cents).
    pub amount: u64,
    /// ISO 4217.
    pub currency: String,
}

/// A line to price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: String,
    /// Units, at least 1.
    pub quantity: u32,
    /// The price of one unit, if there is one.
    pub unit_price: Option<Money>,
}

/// A line with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// The stock keeping unit.
    pub sku: String,
    /// Units.
    pub quantity: u32,
    /// The price of one unit.
    pub unit_price: Money,
    /// `quantity` times `unit_price`.
    pub total: Money,
}

/// The lines in the order given, and their sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// One for each requested line.
    pub lines: Vec<PricedLine>,
    /// The sum.
    pub total: Money,
}

/// Why a quote failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuoteError {
    /// There are no lines.
    Empty,
    /// These items have no price.
    Unpriced(Vec<String>),
    /// The lines are not all in one currency.
    MixedCurrencies,
    /// The quantity of this item is 0.
    BadQuantity(String),
    /// A price, a line or the sum is more than [`MAX_AMOUNT`].
    Overflow,
}

/// Prices `lines`. Returns the first fault in the order of the lines, except that all items without a price are reported
/// together.
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

/// The total of a line, and the sum including it.
fn add(sum: Option<&Money>, quantity: u32, price: &Money) -> Result<(Money, Money), QuoteError> {
    let before = match sum {
        Some(sum) if sum.currency != price.currency => return Err(QuoteError::MixedCurrencies),
        Some(sum) => sum.amount,
        None => 0,
    };
    let within = |amount: Option<u64>| {
        amount
            .filter(|amount| *amount <= MAX_AMOUNT)
            .map(|amount| Money {
                amount,
                currency: price.currency.clone(),
            })
            .ok_or(QuoteError::Overflow)
    };
    let total = within(price.amount.checked_mul(u64::from(quantity)))?;
    let sum = within(before.checked_add(total.amount))?;
    Ok((total, sum))
}
