//! A line of the access log, parsed without copies: there are thousands a second, and most of their fields are not counted.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddrV4;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// The fields that are read (`meshConfig.accessLogFormat`). A field that the format lacks is missing here too; it is not guessed.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    /// `HTTP/1.1`; empty for a connection that is not HTTP.
    #[serde(borrow)]
    pub(super) protocol: Text<'a>,
    pub(super) response_code: Number,
    #[serde(borrow, default)]
    pub(super) response_flags: Text<'a>,
    /// In milliseconds.
    #[serde(default)]
    pub(super) duration: Number,
    /// `inbound|80||`, or `outbound|80|v1|ratings.bookinfo.svc.cluster.local`.
    #[serde(borrow, default)]
    pub(super) upstream_cluster: Text<'a>,
    #[serde(borrow, default)]
    pub(super) upstream_host: Text<'a>,
    #[serde(borrow, default)]
    pub(super) downstream_local_address: Text<'a>,
    /// The client's address; behind a gateway it comes from `x-forwarded-for`.
    #[serde(borrow, default)]
    pub(super) downstream_remote_address: Text<'a>,
    /// The other end of the connection, regardless of headers.
    #[serde(borrow, default)]
    pub(super) downstream_direct_remote_address: Text<'a>,
    /// The principal of the certificate that the caller presented.
    #[serde(borrow, default)]
    pub(super) downstream_principal: Text<'a>,
    /// The principal of the certificate that the callee presented.
    #[serde(borrow, default)]
    pub(super) upstream_principal: Text<'a>,
    /// Bytes on the wire, including headers.
    #[serde(default)]
    pub(super) downstream_wire_bytes_received: Number,
    #[serde(default)]
    pub(super) downstream_wire_bytes_sent: Number,
    /// The number of a gRPC status; empty for other requests.
    #[serde(borrow, default)]
    pub(super) grpc_status: Text<'a>,
}

/// A text; null; or missing, because the format has no such field.
#[derive(Default)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

/// A number, or missing.
#[derive(Default, Clone, Copy)]
pub(super) struct Number(pub(super) Option<u64>);

impl Text<'_> {
    /// `None` if the format lacks it; empty if the field has no value.
    pub(super) fn get(&self) -> Option<&str> {
        match self.0.as_deref() {
            // Envoy writes this for an empty part of a longer text.
            Some("-") => Some(""),
            text => text,
        }
    }

    /// The text, unless it is missing or empty.
    pub(super) fn text(&self) -> Option<&str> {
        self.get().filter(|text| !text.is_empty())
    }

    /// The text as an address and a port.
    pub(super) fn address(&self) -> Option<SocketAddrV4> {
        self.text()?.parse().ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Texts)
    }
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Text<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a text, a number or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    // A text with an escape.
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(""))))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Numbers)
    }
}

struct Numbers;

impl Visitor<'_> for Numbers {
    type Value = Number;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a number or null")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Number(Some(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Number(text.parse().ok()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Number(None))
    }
}
