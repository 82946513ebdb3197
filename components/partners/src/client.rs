//! Sends the carrier's reports to the shop.

use hmac::{Hmac, Mac};
use http::Method;
use serde_json::json;
use stoa_service::outbound::{CallError, Caller, DEFAULT_TIMEOUT, Peer, PeerError, Reply};
use stoa_service::time::{self, rfc3339};

use crate::domain::carrier::Report;

/// The name that errors use for the receiver of the carrier's reports.
const PEER: &str = "the shop";

/// Sends the carrier's reports to the shop's webhook, on behalf of one request.
pub struct ReportReceiver<'a> {
    peer: Peer<'a>,
    secret: &'a str,
}

impl<'a> ReportReceiver<'a> {
    /// Creates a client of the webhook at `url`. `secret` is the key that signs the reports.
    pub fn new(caller: Caller<'a>, url: &'a str, secret: &'a str) -> Self {
        let peer = caller.peer(PEER, url, DEFAULT_TIMEOUT);
        Self { peer, secret }
    }

    /// Sends a report, and returns the shop's response, of any status.
    pub fn send(&self, report: &Report) -> Result<Reply, PeerError> {
        let body = json!({"event_id": report.event_id, "status": report.status, "at": rfc3339(report.at), "note": report.note});
        let body = body.to_string().into_bytes();
        let path = format!("/shipments/{}/events", report.reference);
        let mut call = self
            .peer
            .call(Method::POST, &path)
            .header("content-type", "application/json")
            .header("x-carrier-signature", &self.sign(&body)?);
        call.body = body;
        self.peer.send(call)
    }

    /// The value of `x-carrier-signature`: `t=<unix seconds>,v1=<hex>`, where `hex` is the HMAC-SHA256 of `<unix seconds>.<body>`.
    fn sign(&self, body: &[u8]) -> Result<String, PeerError> {
        // The creation of the HMAC never fails, because HMAC accepts a key of any length.
        let mac = Hmac::<sha2::Sha256>::new_from_slice(self.secret.as_bytes());
        let mut mac = mac.map_err(|error| PeerError::Unreachable {
            peer: PEER,
            source: CallError::NotSent(error.to_string()),
        })?;
        let seconds = time::now() / 1000;
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        let digest = mac.finalize().into_bytes();
        let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        Ok(format!("t={seconds},v1={hex}"))
    }
}
