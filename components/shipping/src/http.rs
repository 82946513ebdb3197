//! The routes, and the status and the code of each error. `shipments` handles the requests of the `order` service. `parcels`
//! handles the requests of the carrier and of customers.

mod parcels;
mod shipments;

use http::{Method, StatusCode};
use stoa_service::route::{Answer, Route, json};
use stoa_service::{Context, Problem, Request, Service, outbox};

use crate::app::App;
use crate::error::Error;

impl Service for App {
    const NAME: &'static str = "shipping";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/shipping/{tracking_number}", parcels::track),
        Route::new(Method::GET, "/shipments", shipments::list),
        Route::new(Method::POST, "/shipments", shipments::ship),
        Route::new(
            Method::POST,
            "/shipments/{shipment_id}/cancel",
            shipments::cancel,
        ),
        Route::new(
            Method::POST,
            "/shipments/{shipment_id}/events",
            parcels::accept_report,
        ),
        Route::new(Method::POST, "/internal/shipments/outbox", flush),
        Route::new(
            Method::GET,
            "/internal/shipments/outbox",
            count_waiting_events,
        ),
    ];

    fn after_response(&self, context: &Context) {
        App::after_response(self, context);
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(error) => error.into(),
            Error::BadSignature(_) => Self::unauthorized(detail),
            Error::NoShipment(_) | Error::NoParcel(_) => Self::not_found(detail),
            Error::ShipmentDiffers(_) => Self::conflict("shipment_differs", detail),
            Error::AddressRefused { shipment_id } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "address_refused", detail)
                    .with("shipment_id", shipment_id.to_string())
            }
            Error::ShipmentCancelled { shipment_id, .. } => {
                Self::conflict("shipment_cancelled", detail)
                    .with("shipment_id", shipment_id.to_string())
            }
            Error::HandedOver { status, .. } => {
                Self::conflict("handed_over", detail).with("shipment_status", status)
            }
            Error::Unsettled {
                shipment_id,
                status,
            } => Self::unavailable(detail).caused_by(format!("shipment {shipment_id} is {status}")),
            Error::EventOfAnotherShipment => Self::conflict("event_of_another_shipment", detail),
            Error::Carrier(error) => error.into(),
            Error::Database(error) => error.into(),
        }
    }
}

/// Sends the due events, and then the due call-offs. An operator's timer calls this route.
fn flush(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let context = request.context();
    let answer = json(StatusCode::OK, &app.flush_outbox(context)?)?;
    app.send_call_offs(context);
    Ok(answer)
}

fn count_waiting_events(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &outbox::waiting(&*app.db, App::NAME)?)
}
