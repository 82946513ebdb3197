//! Calls to the carrier over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::outbound::{Caller, Peer, PeerError, Reply};
use uuid::Uuid;

use crate::domain::consignment::{Address, Line};
use crate::domain::{Cancellation, ParcelState, Shipment};

/// The timeout of one call to the carrier. Even two calls, one after the other, take much less than the time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Calls the carrier on behalf of one request. A method returns an error if it is not certain what the carrier decided.
pub struct Carrier<'a> {
    peer: Peer<'a>,
}

#[derive(Serialize)]
struct NewParcel<'a> {
    reference: Uuid,
    address: &'a Address,
    lines: &'a [Line],
}

// Unknown members are accepted, because a third party may add members to its responses.
#[derive(Deserialize)]
struct Parcel {
    tracking_number: String,
    reference: Uuid,
}

#[derive(Deserialize)]
struct Parcels {
    items: Vec<Parcel>,
}

impl<'a> Carrier<'a> {
    /// Creates a client of the carrier at the base URL `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        let peer = caller.peer("the carrier", url, TIMEOUT);
        Self { peer }
    }

    /// Makes the carrier create the parcel of `shipment`. The carrier makes one parcel for each reference, so a repeat returns the
    /// same parcel.
    pub fn create(&self, shipment: &Shipment) -> Result<ParcelState, PeerError> {
        let reply = self.peer.send(
            self.peer
                .call(Method::POST, "/carrier/shipments")
                .idempotency_key(&shipment.shipment_id.to_string())
                .json(&NewParcel {
                    reference: shipment.shipment_id,
                    address: &shipment.address,
                    lines: &shipment.lines,
                }),
        )?;
        match (reply.status, reply.code().as_str()) {
            (StatusCode::CREATED, _) => {
                self.check_parcel(shipment, self.peer.read(&reply)?, &reply)
            }
            // Only the code `address_refused` means that the carrier does not deliver to the address. A 422 with any other code has
            // another reason.
            (StatusCode::UNPROCESSABLE_ENTITY, "address_refused") => Ok(ParcelState::Refused),
            _ => Err(self.peer.unexpected(&reply)),
        }
    }

    /// Looks up what the carrier did for `shipment`. Changes nothing.
    pub fn look_up(&self, shipment: &Shipment) -> Result<ParcelState, PeerError> {
        let path = format!("/carrier/shipments?reference={}", shipment.shipment_id);
        let reply = self.peer.send(self.peer.call(Method::GET, &path))?;
        if reply.status != StatusCode::OK {
            return Err(self.peer.unexpected(&reply));
        }
        let parcels: Parcels = self.peer.read(&reply)?;
        let mut items = parcels.items.into_iter();
        match (items.next(), items.next()) {
            (None, _) => Ok(ParcelState::Unknown),
            (Some(parcel), None) => self.check_parcel(shipment, parcel, &reply),
            (Some(_), Some(_)) => Err(self.peer.unexpected(&reply)),
        }
    }

    /// Cancels a parcel.
    pub fn cancel(&self, tracking_number: &str) -> Result<Cancellation, PeerError> {
        let path = format!("/carrier/shipments/{tracking_number}/cancel");
        let reply = self.peer.send(self.peer.call(Method::POST, &path))?;
        match (reply.status, reply.code().as_str()) {
            (StatusCode::OK, _) => Ok(Cancellation::Cancelled),
            (StatusCode::CONFLICT, "handed_over") => Ok(Cancellation::HandedOver),
            _ => Err(self.peer.unexpected(&reply)),
        }
    }

    /// Checks the tracking number, because it becomes part of paths in this service and in the customer's browser.
    fn check_parcel(
        &self,
        shipment: &Shipment,
        parcel: Parcel,
        reply: &Reply,
    ) -> Result<ParcelState, PeerError> {
        let number = parcel.tracking_number;
        let is_number =
            (1..=64).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_number && parcel.reference == shipment.shipment_id {
            Ok(ParcelState::Made(number))
        } else {
            Err(self.peer.unexpected(reply))
        }
    }
}
