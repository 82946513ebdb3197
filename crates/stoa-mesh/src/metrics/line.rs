//! Parses a line of an access log. There may be thousands of lines per second, and the metrics do not need most fields of a line.
//! So parsing does not copy texts.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddrV4;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// The fields of a log line that the metrics need. `meshConfig.accessLogFormat` defines all fields of a line. A field that this
/// format does not define is `None` here, if the field is optional.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    /// The protocol, such as `HTTP/1.1`; empty for a connection that is not HTTP.
    #[serde(borrow)]
    pub(super) protocol: Text<'a>,
    pub(super) response_code: Number,
    #[serde(borrow, default)]
    pub(super) response_flags: Text<'a>,
    /// Time from the request's first byte to the response's last byte, in milliseconds.
    #[serde(default)]
    pub(super) duration: Number,
    /// The name of the Envoy cluster to which the request was sent, such as `inbound|80||` or
    /// `outbound|80|v1|ratings.bookinfo.svc.cluster.local`.
    #[serde(borrow, default)]
    pub(super) upstream_cluster: Text<'a>,
    #[serde(borrow, default)]
    pub(super) upstream_host: Text<'a>,
    #[serde(borrow, default)]
    pub(super) downstream_local_address: Text<'a>,
    /// The caller's address. If a gateway forwarded the request, this address is from the header `x-forwarded-for`.
    #[serde(borrow, default)]
    pub(super) downstream_remote_address: Text<'a>,
    /// The address from which the connection came, regardless of the request's headers.
    #[serde(borrow, default)]
    pub(super) downstream_direct_remote_address: Text<'a>,
    /// The principal of the certificate that the caller presented.
    #[serde(borrow, default)]
    pub(super) downstream_principal: Text<'a>,
    /// The principal of the certificate that the callee presented.
    #[serde(borrow, default)]
    pub(super) upstream_principal: Text<'a>,
    /// Bytes of the request on the wire, including headers.
    #[serde(default)]
    pub(super) downstream_wire_bytes_received: Number,
    /// Bytes of the response on the wire, including headers.
    #[serde(default)]
    pub(super) downstream_wire_bytes_sent: Number,
    /// The number of the gRPC status; empty for requests that are not gRPC.
    #[serde(borrow, default)]
    pub(super) grpc_status: Text<'a>,
}

/// The value of a text field in a line. The text is empty if the value is null. It is `None` if the line does not contain the
/// field.
#[derive(Default)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

/// The value of a number field in a line. It is `None` if the value is null or not a number, or if the line does not contain the
/// field.
#[derive(Default, Clone, Copy)]
pub(super) struct Number(pub(super) Option<u64>);

impl Text<'_> {
    /// The field's text, which is empty if the value is null or `-`. `None` if the line does not contain the field.
    pub(super) fn get(&self) -> Option<&str> {
        match self.0.as_deref() {
            // Envoy writes `-` in place of an empty value if the log format combines the value with other text.
            Some("-") => Some(""),
            text => text,
        }
    }

    /// The field's text; `None` if the text is empty or the line does not contain the field.
    pub(super) fn text(&self) -> Option<&str> {
        self.get().filter(|text| !text.is_empty())
    }

    /// The field's text as an IPv4 address and a port; `None` if the text is not in this format.
    pub(super) fn address(&self) -> Option<SocketAddrV4> {
        self.text()?.parse().ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a text, a number or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    // A text with an escape sequence cannot be borrowed from the line, so it is copied.
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
        from.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
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
