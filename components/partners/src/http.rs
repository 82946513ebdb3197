//! The routes of all third parties, and the status and the code of each error.
//!
//! Each third party has a file. `scripted` applies the scripts, and `requests` decodes the parts of requests that are the same for
//! several third parties.

mod carrier;
mod messages;
mod pim;
mod processor;
mod requests;
mod script;
mod scripted;

use http::{Method, StatusCode};
use stoa_service::route::Route;
use stoa_service::{Problem, Service};

use crate::app::App;
use crate::error::Error;

impl Service for App {
    const NAME: &'static str = "partners";
    /// Scripts never apply to routes that read records, move a parcel, or read or write a script.
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/pim/products/{sku}", pim::show),
        Route::new(Method::POST, "/processor/charges", processor::charge),
        Route::new(Method::GET, "/processor/charges", processor::charges),
        Route::new(Method::POST, "/processor/refunds", processor::refund),
        Route::new(Method::GET, "/processor/ledger", processor::ledger),
        Route::new(Method::POST, "/carrier/shipments", carrier::create),
        Route::new(Method::GET, "/carrier/shipments", carrier::list),
        Route::new(Method::GET, "/carrier/book", carrier::book),
        Route::new(
            Method::POST,
            "/carrier/shipments/{tracking_number}/cancel",
            carrier::cancel,
        ),
        Route::new(
            Method::POST,
            "/carrier/shipments/{tracking_number}/advance",
            carrier::advance,
        ),
        Route::new(Method::POST, "/courier/messages", messages::send_mail),
        Route::new(Method::GET, "/courier/messages", messages::list_mails),
        Route::new(Method::POST, "/sms/messages", messages::send_sms),
        Route::new(Method::GET, "/sms/messages", messages::list_sms),
        Route::new(Method::GET, "/script", script::list),
        Route::new(Method::PUT, "/script/{partner}", script::put),
        Route::new(Method::DELETE, "/script/{partner}", script::delete),
    ];
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        match error {
            Error::Invalid(error) => error.into(),
            Error::KeyReused => {
                Self::new(S::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
            }
            Error::Scripted { status, .. } => {
                let status = S::from_u16(status).unwrap_or(S::SERVICE_UNAVAILABLE);
                Self::new(status, "scripted", detail)
            }
            Error::NotDescribed(_) | Error::NoParcel(_) => Self::not_found(detail),
            Error::PimData(cause) => Self::unavailable(detail).caused_by(cause.to_string()),
            Error::ProcessorFailed => {
                Self::new(S::INTERNAL_SERVER_ERROR, "processing_error", detail)
            }
            Error::CardDeclined(code) => {
                Self::new(S::PAYMENT_REQUIRED, "card_declined", detail).with("decline_code", code)
            }
            Error::ChargeDeclined(code) => {
                Self::conflict("charge_declined", detail).with("decline_code", code)
            }
            Error::ReferenceVoided(_) => Self::conflict("reference_voided", detail),
            Error::ReferenceDiffers(_) => Self::conflict("reference_differs", detail),
            Error::AddressRefused(_) => {
                Self::new(S::UNPROCESSABLE_ENTITY, "address_refused", detail)
            }
            Error::HandedOver { .. } => Self::conflict("handed_over", detail),
            Error::ParcelCancelled(_) => Self::conflict("parcel_cancelled", detail),
            Error::Shop(error) => error.into(),
            Error::Database(error) => error.into(),
        }
    }
}
