//! Where a guest's own requests go: to another component of the app, in this process, or out.
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderName, Request, Response, header};
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, IoError};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::HostState;

use crate::app::LoadedApp;
use crate::load::LoadedComponent;

/// Names under this are components of the app.
const INTERNAL: &str = ".spin.internal";

/// The sending side of one instance.
pub(crate) struct Outbound {
    pub(crate) app: Arc<LoadedApp>,
    pub(crate) component: Arc<LoadedComponent>,
    /// How many in-process calls led to this instance.
    pub(crate) depth: u32,
}

type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Rest), Error>> + Send>;

impl WasiHttpHooks for Outbound {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    // Room for a whole answer of usual size (1 MiB in all): the guest writes it and returns, without being woken for
    // each chunk that the socket takes.
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
        _received: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Sent {
        let target = self.route(&request);
        let app = Arc::clone(&self.app);
        let depth = self.depth + 1;
        Box::new(async move {
            let response = match target? {
                Target::Component(component) => {
                    let timeouts = options.unwrap_or_default();
                    app.call_nested(component, request, depth, timeouts).await?
                }
                Target::Network => {
                    app.outbound()
                        .send(request, options.unwrap_or_default())
                        .await?
                }
            };
            let nothing_left: Rest = Box::new(std::future::ready(Ok(())));
            Ok((response, nothing_left))
        })
    }
}

enum Target {
    Component(Arc<LoadedComponent>),
    Network,
}

impl Outbound {
    fn route(&self, request: &Request<WasiBody>) -> Result<Target, Error> {
        let uri = request.uri();
        let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?;
        if uri.authority().is_some_and(names_a_user) {
            // They would be sent in the Host header. Neither is logged.
            tracing::warn!(
                component = %self.component.id, host,
                "outbound request refused: its URL has a user name or a password"
            );
            let why =
                "the URL has a user name or a password: send them in the authorization header";
            return Err(Error::InternalError(Some(why.to_owned())));
        }
        let scheme = uri.scheme().unwrap_or(&Scheme::HTTP);
        let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let allowed = &self.component.allowed_outbound_hosts;
        if !allowed
            .iter()
            .any(|a| a.allows(scheme.as_str(), host, port))
        {
            tracing::warn!(
                component = %self.component.id, %scheme, host, port,
                "outbound request refused: not among allowed_outbound_hosts"
            );
            return Err(Error::HttpRequestDenied);
        }
        let Some(name) = host.strip_suffix(INTERNAL) else {
            return Ok(Target::Network);
        };
        let component = self.app.component(name).ok_or_else(|| {
            tracing::warn!(component = %self.component.id, host, "there is no such component");
            Error::DestinationNotFound
        })?;
        if self.depth >= self.app.shared().limits.max_call_depth {
            tracing::error!(
                component = %self.component.id, host, depth = self.depth,
                "in-process call refused: calls are nested too deep"
            );
            return Err(Error::LoopDetected);
        }
        Ok(Target::Component(component))
    }
}

fn names_a_user(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}

/// `http-error-code`, which tells a guest why a body broke off. wasmtime-wasi-http's own finds only errors that it made itself, none of
/// those that [`Error`] stands for.
pub(super) fn add_error_code(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap(
        "http-error-code",
        |store: wasmtime::StoreContextMut<'_, HostState>, (error,): (Resource<IoError>,)| {
            let error = store.data().table.get(&error)?;
            let code = error.downcast_ref::<ErrorCode>().cloned();
            Ok((code.or_else(|| error.downcast_ref().map(error_code)),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Only what a body fails with: errors of whole requests take another way.
fn error_code(error: &Error) -> ErrorCode {
    match error {
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::HttpRequestBodySize(size) => ErrorCode::HttpRequestBodySize(*size),
        Error::HttpResponseBodySize(size) => ErrorCode::HttpResponseBodySize(*size),
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        _ => ErrorCode::HttpProtocolError,
    }
}

/// Headers that belong to a connection and not to a message; no guest sees or sets them.
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
