//! Where a guest's own requests go: to another component of the app, in this process, or out.
use std::sync::Arc;

use http::uri::Scheme;
use http::{HeaderName, Request, Response, header};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

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
