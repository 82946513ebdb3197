//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

use stoa_service::Invalid;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::text::shorten;

/// Why a request to a third party failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The key was used for another request.
    #[error("Idempotency-Key: was used for another request; use a new key for a new request")]
    KeyReused,
    /// A script makes the third party fail.
    #[error("{partner} is scripted to answer {status}")]
    Scripted {
        /// The third party.
        partner: &'static str,
        /// The status of the response, 400 to 599.
        status: u16,
    },
    /// The PIM does not describe this SKU.
    #[error("sku: `{}` is not known", shorten(.0))]
    NotDescribed(String),
    /// The PIM's own data cannot be read.
    #[error("the PIM's data cannot be read")]
    PimData(#[source] serde_json::Error),
    /// The card processor fails while it charges.
    #[error("the processor failed on its side")]
    ProcessorFailed,
    /// The bank declined the charge.
    #[error("the card was declined: {0}")]
    CardDeclined(String),
    /// A declined charge cannot be refunded.
    #[error("the card was declined: {0}")]
    ChargeDeclined(String),
    /// The reference was voided, so it cannot be charged.
    #[error("reference: {0} was cancelled and cannot be charged")]
    ReferenceVoided(String),
    /// The reference has a charge of another amount.
    #[error("reference: {0} has a charge of another amount")]
    ReferenceDiffers(String),
    /// The carrier does not serve the country.
    #[error("address.country: `{0}` is not served")]
    AddressRefused(&'static str),
    /// No parcel has this tracking number.
    #[error("tracking_number: `{}` is not known", shorten(.0))]
    NoParcel(String),
    /// The carrier has the parcel, so it cannot be cancelled.
    #[error("tracking_number: {tracking_number} was picked up and is {status}")]
    HandedOver {
        /// The parcel.
        tracking_number: String,
        /// The parcel's status.
        status: &'static str,
    },
    /// The parcel was cancelled, so it does not move.
    #[error("tracking_number: {0} was cancelled and does not move")]
    ParcelCancelled(String),
    /// The shop did not accept a report of the carrier.
    #[error(transparent)]
    Shop(#[from] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
