//! Routes a guest's own requests: to another component of the app, in this process, or to the network.
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderName, Request, Uri, header};
use stoa_manifest::{AllowedHost, Component};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::backends::Backends;
use crate::local_service::{LocalCallError, LocalService, Remainder, Sending, component_name};
use crate::outbound::Client;

/// What a component's requests need: the allowed hosts, and connections to them.
pub(crate) struct OutboundHttp {
    component: Arc<str>,
    allowed_hosts: Vec<AllowedHost>,
    client: Arc<Client>,
}

impl OutboundHttp {
    /// `id` is the component's id, for the log.
    pub(super) fn new(id: &Arc<str>, component: &Component, backends: &Backends) -> Self {
        Self {
            component: Arc::clone(id),
            allowed_hosts: component.allowed_outbound_hosts.clone(),
            client: Arc::clone(&backends.http),
        }
    }
}

/// The sending side of one instance.
pub(super) struct Sender {
    outbound: Arc<OutboundHttp>,
    local: Arc<dyn LocalService>,
    /// The number of in-process calls that led to this instance.
    depth: u32,
}

impl WasiHttpHooks for Sender {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    // Room for a whole response of usual size (1 MiB in all). The guest writes it and returns, and is not woken for
    // each chunk that the socket accepts.
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
                    tracing::warn!(%component, called, "there is no such component");
                    Error::DestinationNotFound
                }
                LocalCallError::TooDeep(called) => {
                    tracing::error!(
                        %component, called, depth = self.depth,
                        "in-process call refused: calls are nested too deep"
                    );
                    Error::LoopDetected
                }
            }
        })
    }
}

impl OutboundHttp {
    /// Whether the component may call this URL.
    fn check(&self, uri: &Uri) -> Result<(), Error> {
        let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?;
        if uri.authority().is_some_and(names_a_user) {
            // The user name and password would be sent in the Host header. Neither is logged.
            tracing::warn!(
                component = %self.component, host,
                "outbound request refused: its URL has a user name or a password"
            );
            let why =
                "the URL has a user name or a password: send them in the authorization header";
            return Err(Error::InternalError(Some(why.to_owned())));
        }
        let scheme = uri.scheme().unwrap_or(&Scheme::HTTP);
        let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let mut allowed = self.allowed_hosts.iter();
        if !allowed.any(|a| a.allows(scheme.as_str(), host, port)) {
            tracing::warn!(
                component = %self.component, %scheme, host, port,
                "outbound request refused: not among allowed_outbound_hosts"
            );
            return Err(Error::HttpRequestDenied);
        }
        Ok(())
    }
}

fn names_a_user(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}

/// Headers of a connection, not of a message. A guest can neither read nor set them.
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
