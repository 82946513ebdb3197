//! Sends the HTTP requests of a guest: to another component of the app, within this process, or to the network.
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderName, Request, Uri, header};
use stoa_manifest::{AllowedHost, Component};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::backends::Backends;
use crate::local_service::{LocalCallError, LocalService, Remainder, Sending, component_name};
use crate::outbound::Client;

/// The hosts to which a component may send HTTP requests, and the client that sends them.
pub(crate) struct OutboundHttp {
    component: Arc<str>,
    allowed_hosts: Vec<AllowedHost>,
    client: Arc<Client>,
}

impl OutboundHttp {
    /// `id` is the component's id, which appears in the log.
    pub(super) fn new(id: &Arc<str>, component: &Component, backends: &Backends) -> Self {
        Self {
            component: Arc::clone(id),
            allowed_hosts: component.allowed_outbound_hosts.clone(),
            client: Arc::clone(&backends.http),
        }
    }
}

/// Sends the HTTP requests of one instance.
pub(super) struct Sender {
    outbound: Arc<OutboundHttp>,
    local: Arc<dyn LocalService>,
    /// The number of nested in-process calls that led to this instance.
    depth: u32,
}

impl WasiHttpHooks for Sender {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    // The buffer can hold a whole response of usual size: 16 chunks of 64 KiB, 1 MiB in all. So the guest writes its response and
    // returns; it need not wake for each chunk that the socket accepts.
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        16
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        64 << 10
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _received: Remainder,
    ) -> Sending {
        let sending = self.send(request, options.unwrap_or_default());
        sending.unwrap_or_else(|error| Box::new(std::future::ready(Err(error))))
    }
}

impl Sender {
    pub(super) fn new(
        outbound: Arc<OutboundHttp>,
        local: Arc<dyn LocalService>,
        depth: u32,
    ) -> Self {
        Self {
            outbound,
            local,
            depth,
        }
    }

    fn send(&self, request: Request<WasiBody>, options: RequestOptions) -> Result<Sending, Error> {
        self.outbound.check(request.uri())?;
        if component_name(request.uri()).is_some() {
            return self.call_local(request, options);
        }
        let client = Arc::clone(&self.outbound.client);
        Ok(Box::new(async move {
            let response = client.send(request, options).await?;
            let nothing_left: Remainder = Box::new(std::future::ready(Ok(())));
            Ok((response, nothing_left))
        }))
    }

    fn call_local(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Sending, Error> {
        let local = Arc::clone(&self.local);
        let called = local.call(request, self.depth + 1, options);
        called.map_err(|error| {
            let component = &self.outbound.component;
            match error {
                LocalCallError::NoSuchComponent(called) => {
                    tracing::warn!(%component, called, "outbound request failed: the app has no component with this name");
                    Error::DestinationNotFound
                }
                LocalCallError::TooDeep(called) => {
                    tracing::error!(
                        %component, called, depth = self.depth,
                        "in-process call rejected: calls are nested too deep"
                    );
                    Error::LoopDetected
                }
            }
        })
    }
}

impl OutboundHttp {
    /// Checks that the component may send a request to this URL.
    fn check(&self, uri: &Uri) -> Result<(), Error> {
        let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?;
        if uri.authority().is_some_and(has_user_info) {
            // The request is rejected, because its Host header would contain the user name and the password. The log contains
            // neither of them.
            tracing::warn!(
                component = %self.component, host,
                "outbound request rejected: its URL has a user name or a password"
            );
            let reason = "the URL has a user name or a password; send credentials in the authorization header";
            return Err(Error::InternalError(Some(reason.to_owned())));
        }
        let scheme = uri.scheme().unwrap_or(&Scheme::HTTP);
        let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let mut allowed = self.allowed_hosts.iter();
        if !allowed.any(|a| a.allows(scheme.as_str(), host, port)) {
            tracing::warn!(
                component = %self.component, %scheme, host, port,
                "outbound request rejected: allowed_outbound_hosts does not permit this URL"
            );
            return Err(Error::HttpRequestDenied);
        }
        Ok(())
    }
}

fn has_user_info(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}

/// Whether a header concerns the connection and not the message. A guest can neither read nor set such a header.
fn is_forbidden(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::HOST
            | header::CONNECTION
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
    ) || matches!(
        name.as_str(),
        "keep-alive" | "proxy-connection" | "http2-settings"
    )
}
