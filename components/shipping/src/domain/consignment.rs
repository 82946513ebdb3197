//! The address and the contents of a parcel.

use serde::{Deserialize, Serialize};
use stoa_service::text::shorten;
use stoa_service::{Invalid, Sku};

/// The maximum number of lines of a shipment.
pub const MAX_LINES: usize = 100;
/// The maximum quantity of a line.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// The maximum length of a field of an address, in characters.
pub const MAX_ADDRESS_FIELD_LENGTH: usize = 200;

/// The address to which a parcel is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The recipient's name.
    pub name: String,
    /// The street and the house number.
    pub street: String,
    /// The city.
    pub city: String,
    /// The postal code, in the format of its country.
    pub postal_code: String,
    /// The country code, ISO 3166-1 alpha-2.
    pub country: String,
}

/// One line of a parcel's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The number of units, 1 to [`MAX_QUANTITY`].
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    pub quantity: u32,
}

impl Address {
    /// Checks every field. The error names the invalid field.
    pub fn check(&self) -> Result<(), Invalid> {
        for (field, text) in [
            ("name", &self.name),
            ("street", &self.street),
            ("city", &self.city),
            ("postal_code", &self.postal_code),
        ] {
            let length = text.trim().chars().count();
            if !(1..=MAX_ADDRESS_FIELD_LENGTH).contains(&length)
                || text.chars().any(char::is_control)
            {
                return Err(Invalid::new(format!(
                    "address.{field}: has {length} characters, expected 1 to {MAX_ADDRESS_FIELD_LENGTH} and no control characters"
                )));
            }
        }
        let country = &self.country;
        if country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(());
        }
        Err(Invalid::new(format!(
            "address.country: `{}` is not two upper-case letters (ISO 3166-1 alpha-2)",
            shorten(country)
        )))
    }
}

/// Checks the number of lines.
pub fn check_lines(lines: &[Line]) -> Result<(), Invalid> {
    if (1..=MAX_LINES).contains(&lines.len()) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "lines: has {} lines, expected 1 to {MAX_LINES}",
        lines.len()
    )))
}
