//! The carrier, as typed calls over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::outbound::{Caller, Outbound, Peer, Reply};
use stoa_service::{Context, Problem};
use uuid::Uuid;

use crate::domain::{Address, Line, Shipment};

/// How long one call may take: two of them stay well below the request limit.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// The carrier, on behalf of one request. Any doubt about what it did is 503.
pub struct Carrier<'a> {
    peer: Peer<'a>,
}

/// What the carrier knows of a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nothing so far.
    Nothing,
    /// It does not go to that address.
    Refused,
    /// There is a parcel with this tracking number.
    Parcel(String),
}

/// What came of calling a parcel off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// It stays.
    Cancelled,
    /// Too late.
    HandedOver,
}

#[derive(Serialize)]
struct NewParcel<'a> {
    reference: Uuid,
    address: &'a Address,
    lines: &'a [Line],
}

// Third parties add members as they like, so unknown ones are not refused.
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
    pub fn new(outbound: &'a dyn Outbound, context: &'a Context, url: &'a str) -> Self {
        let peer = Caller { outbound, context }.peer("the carrier", url, TIMEOUT);
        Self { peer }
    }

    /// Makes the parcel of `shipment`. The carrier makes one a reference, however often it is asked.
    pub fn create(&self, shipment: &Shipment) -> Result<Finding, Problem> {
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
            (StatusCode::CREATED, _) => self.found(shipment, self.peer.read(&reply)?, &reply),
            // Only the carrier's own word is a refusal.
            (StatusCode::UNPROCESSABLE_ENTITY, "address_refused") => Ok(Finding::Refused),
            _ => Err(self.peer.unexpected(&reply).into()),
        }
    }

    /// What became of `shipment`. Changes nothing.
    pub fn look_up(&self, shipment: &Shipment) -> Result<Finding, Problem> {
        let path = format!("/carrier/shipments?reference={}", shipment.shipment_id);
        let reply = self.peer.send(self.peer.call(Method::GET, &path))?;
        if reply.status != StatusCode::OK {
            return Err(self.peer.unexpected(&reply).into());
        }
        let parcels: Parcels = self.peer.read(&reply)?;
        let mut items = parcels.items.into_iter();
        match (items.next(), items.next()) {
            (None, _) => Ok(Finding::Nothing),
            (Some(parcel), None) => self.found(shipment, parcel, &reply),
            (Some(_), Some(_)) => Err(self.peer.unexpected(&reply).into()),
        }
    }

    /// Calls a parcel off.
    pub fn cancel(&self, tracking_number: &str) -> Result<Cancellation, Problem> {
        let path = format!("/carrier/shipments/{tracking_number}/cancel");
        let reply = self.peer.send(self.peer.call(Method::POST, &path))?;
        match (reply.status, reply.code().as_str()) {
            (StatusCode::OK, _) => Ok(Cancellation::Cancelled),
            (StatusCode::CONFLICT, "handed_over") => Ok(Cancellation::HandedOver),
            _ => Err(self.peer.unexpected(&reply).into()),
        }
    }

    /// The number becomes part of paths, here and in the customer's browser.
    fn found(
        &self,
        shipment: &Shipment,
        parcel: Parcel,
        reply: &Reply,
    ) -> Result<Finding, Problem> {
        let number = parcel.tracking_number;
        let fits =
            (1..=64).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits && parcel.reference == shipment.shipment_id {
            Ok(Finding::Parcel(number))
        } else {
            Err(self.peer.unexpected(reply).into())
        }
    }
}
