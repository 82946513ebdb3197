//! The errors of this component: one variant for each case that a caller can act on. `http.rs` maps each variant to a status and a
//! code.

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
    /// The idempotency key was used for another request.
    #[error("Idempotency-Key: was used for another request; use a new key for a new request")]
    KeyReused,
    /// The third party fails because of its script.
    #[error("a script makes the third party `{partner}` answer with the status {status}")]
    Scripted {
        /// The third party.
        partner: &'static str,
        /// The status of the response, 400 to 599.
        status: u16,
    },
    /// The PIM has no description of this SKU.
    #[error("sku: the PIM has no entry for `{}`", shorten(.0))]
    NotDescribed(String),
    /// The file with the PIM's entries is malformed.
    #[error("cannot read the PIM's data")]
    PimData(#[source] serde_json::Error),
    /// The card processor failed before it decided about the charge.
    #[error("the card processor failed")]
    ProcessorFailed,
    /// The bank declined the charge.
    #[error("card_token: the bank declined the card ({0})")]
    CardDeclined(String),
    /// The charge was declined, so it cannot be refunded.
    #[error("reference: the charge was declined ({0}) and cannot be refunded")]
    ChargeDeclined(String),
    /// The reference was voided, so it cannot be charged.
    #[error("reference: `{0}` was voided and cannot be charged")]
    ReferenceVoided(String),
    /// The reference already has a charge with another amount.
    #[error("reference: `{0}` already has a charge with another amount")]
    ReferenceDiffers(String),
    /// The carrier does not deliver to the country.
    #[error("address.country: the carrier does not deliver to `{0}`")]
    AddressRefused(&'static str),
    /// No parcel has this tracking number.
    #[error("tracking_number: no parcel has the number `{}`", shorten(.0))]
    NoParcel(String),
    /// The carrier has the parcel, so the parcel cannot be cancelled.
    #[error(
        "tracking_number: parcel `{tracking_number}` has the status {status} and cannot be cancelled"
    )]
    HandedOver {
        /// The tracking number of the parcel.
        tracking_number: String,
        /// The parcel's status.
        status: &'static str,
    },
    /// The parcel was cancelled, so its status cannot change.
    #[error("tracking_number: parcel `{0}` was cancelled, so its status cannot change")]
    ParcelCancelled(String),
    /// The shop did not respond to a report that the carrier sent.
    #[error(transparent)]
    Shop(#[from] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
