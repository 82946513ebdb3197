//! The carrier, as typed calls over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::outbound::{Caller, Peer, PeerError, Reply};
use uuid::Uuid;

use crate::domain::consignment::{Address, Line};
use crate::domain::{Cancellation, ParcelState, Shipment};

/// Timeout of one call: two of them stay well below the request limit.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The carrier, on behalf of one request. If it is not certain what the carrier did, a method returns an error.
pub struct Carrier<'a> {
    peer: Peer<'a>,
}

#[derive(Serialize)]
struct NewParcel<'a> {
    reference: Uuid,
    address: &'a Address,
    lines: &'a [Line],
}

// Third parties may add members, so unknown ones are accepted.
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
    /// The carrier at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        let peer = caller.peer("the carrier", url, TIMEOUT);
        Self { peer }
    }

    /// Makes the parcel of `shipment`. The carrier makes one parcel per reference, for any number of repeats.
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
            (StatusCode::CREATED, _) => self.parcel(shipment, self.peer.read(&reply)?, &reply),
            // Only the carrier's own code is a rejection.
            (StatusCode::UNPROCESSABLE_ENTITY, "address_refused") => Ok(ParcelState::Refused),
            _ => Err(self.peer.unexpected(&reply)),
        }
    }

    /// The carrier's current state of `shipment`. Changes nothing.
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
            (Some(parcel), None) => self.parcel(shipment, parcel, &reply),
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

    /// Checks the number, because it becomes part of paths, here and in the customer's browser.
    fn parcel(
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
