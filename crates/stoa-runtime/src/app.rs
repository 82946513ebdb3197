//! A loaded application: finds the component for a request and runs it.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use stoa_manifest::App;
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::authority;
use crate::body::{Body, BodyError, empty};
use crate::config::{AppOptions, Limits};
use crate::database::Databases;
use crate::gather::{UP_TO, gather};
use crate::intake::{Incoming, Intake, Progress};
use crate::load::{self, LoadError, LoadedComponent};
use crate::outbound::{Client, paced};
use crate::problem::{Asked, Problem};
use crate::request::{Job, run};
use crate::routes::{Match, Router};
use crate::runtime::{Admission, Receiving, Shared};
use crate::well_known;

/// Where a call comes from that came over no socket.
const IN_PROCESS: HeaderValue = HeaderValue::from_static("127.0.0.1:0");

/// There is no component of that name, or it answers no requests.
#[derive(Debug, thiserror::Error)]
#[error("there is no component {0} that answers requests")]
pub struct NoSuchComponent(pub String);

/// An application whose components are compiled and linked.
pub struct LoadedApp {
    name: String,
    version: String,
    shared: Arc<Shared>,
    router: Router,
    components: RwLock<HashMap<String, Arc<LoadedComponent>>>,
    databases: Databases,
    outbound: Client,
}

impl LoadedApp {
    pub(crate) fn load(
        shared: Arc<Shared>,
        app: &App,
        options: AppOptions,
        state_dir: PathBuf,
    ) -> Result<Arc<Self>, LoadError> {
        let router = Router::new(&app.routes).map_err(LoadError::Route)?;
        let components = load::components(&shared, app)?;
        let databases = Databases::new(Arc::clone(&shared.databases), state_dir);
        for component in app.components.values() {
            for label in &component.sqlite_databases {
                databases
                    .sqlite(label)
                    .map_err(|error| LoadError::Database {
                        component: component.id.clone(),
                        label: label.clone(),
                        error,
                    })?;
            }
        }
        Ok(Arc::new(Self {
            name: app.name.clone(),
            version: app.version.clone(),
            shared,
            router,
            components: RwLock::new(components),
            databases,
            outbound: Client::new(options.outbound_proxy, options.hosts),
        }))
    }

    /// The app's name, from its manifest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The app's version, from its manifest; empty if it has none.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Runs the component whose route fits; 404 with an empty body where none does. Private routes do not count. Paths under
    /// `/.well-known/spin/` are the runtime's own.
    pub async fn handle<B>(self: &Arc<Self>, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        self.handle_from(request, IN_PROCESS).await
    }

    /// As [`handle`](Self::handle), for a request that came from the address `client`.
    pub(crate) async fn handle_from<B>(
        self: &Arc<Self>,
        request: Request<B>,
        client: HeaderValue,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let (mut parts, body) = request.into_parts();
        if let Some(response) = well_known::response(self, parts.uri.path()) {
            return response;
        }
        let Some(found) = self.router.find(parts.uri.path()) else {
            let mut response = Response::new(empty());
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            return response;
        };
        let Some(component) = self.component(&found.route.component) else {
            return Problem::Failed.response(&Asked::of(&Request::from_parts(parts, ())));
        };
        let mut headers = std::mem::take(&mut parts.headers);
        tell_route(&mut headers, &parts.uri, &found, client);
        parts.headers = headers;
        self.admit_and_run(component, Request::from_parts(parts, body))
            .await
    }

    /// Runs a component whatever its route, private ones included. The request needs a path; the host may be missing.
    ///
    /// # Errors
    /// If there is no such component.
    pub async fn call<B>(
        self: &Arc<Self>,
        component: &str,
        mut request: Request<B>,
    ) -> Result<Response<Body>, NoSuchComponent>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let component = self
            .component(component)
            .ok_or_else(|| NoSuchComponent(component.to_owned()))?;
        tell_call(&mut request, &component.id);
        Ok(self.admit_and_run(component, request).await)
    }

    async fn admit_and_run<B>(
        self: &Arc<Self>,
        component: Arc<LoadedComponent>,
        request: Request<B>,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let limits = &self.shared.limits;
        let complete = request.body().is_end_stream();
        let receiving = if complete {
            None
        } else {
            self.shared.receive()
        };
        let request = if complete || receiving.is_some() || too_large(request.body(), limits) {
            request
        } else {
            match self.gathered(request).await {
                Ok(request) => request,
                Err(refusal) => return refusal,
            }
        };
        let Some(admission) = self.shared.admit() else {
            tracing::warn!(component = %component.id, "request refused: as many run as may");
            return Problem::Busy.response(&Asked::of(&request));
        };
        self.start(component, request, 0, Some(admission), receiving)
            .await
    }

    /// The request with its body here, as far as that is waited for.
    async fn gathered(&self, request: Request<Body>) -> Result<Request<Body>, Response<Body>> {
        let limits = &self.shared.limits;
        let asked = Asked::of(&request);
        let (parts, body) = request.into_parts();
        let all = gather(body, UP_TO.min(limits.max_request_body));
        match tokio::time::timeout(limits.request_timeout, all).await {
            Ok(Ok(body)) => Ok(Request::from_parts(parts, body)),
            Ok(Err(_)) => Err(Problem::BodyBroken.response(&asked)),
            Err(_) => Err(Problem::BodyLate.response(&asked)),
        }
    }

    /// Answers another component's request to `http://NAME.spin.internal`.
    pub(crate) async fn call_nested(
        self: &Arc<Self>,
        component: Arc<LoadedComponent>,
        mut request: Request<Body>,
        depth: u32,
        timeouts: RequestOptions,
    ) -> Result<Response<Body>, Error> {
        tell_call(&mut request, &component.id);
        let response = self.start(component, request, depth, None, None);
        let response = match timeouts.first_byte_timeout {
            Some(limit) => tokio::time::timeout(limit, response)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?,
            None => response.await,
        };
        Ok(response.map(|body| paced(body, timeouts)))
    }

    async fn start(
        self: &Arc<Self>,
        component: Arc<LoadedComponent>,
        request: Request<Body>,
        depth: u32,
        admission: Option<Admission>,
        receiving: Option<Receiving>,
    ) -> Response<Body> {
        let asked = Asked::of(&request);
        let (parts, body) = request.into_parts();
        if !authority::is_sound(&parts) {
            return Problem::BadRequest.response(&asked);
        }
        let limits = &self.shared.limits;
        if too_large(&body, limits) {
            return Problem::BodyTooLarge.response(&asked);
        }
        let intake = Intake::new();
        let body = if body.is_end_stream() {
            empty()
        } else {
            let limit = limits.max_request_body;
            Incoming::new(body, limit, intake.clone(), receiving).boxed_unsync()
        };
        let response = run(Job {
            app: Arc::clone(self),
            component,
            request: Request::from_parts(parts, body),
            intake: intake.clone(),
            asked: asked.clone(),
            depth,
            admission,
        })
        .await;
        match intake.progress() {
            Progress::TooLarge => Problem::BodyTooLarge.response(&asked),
            Progress::Broken => Problem::BodyBroken.response(&asked),
            Progress::Open | Progress::Awaited | Progress::Ended => response,
        }
    }

    /// Takes the components of `app`, the same application with other code, from the next request on; what is under way is
    /// finished by the code it began with. What did not change comes from the cache. Blocks while it compiles.
    ///
    /// # Errors
    /// The first component that cannot run, and why; then all stay as they are.
    pub fn reload(&self, app: &App) -> Result<(), LoadError> {
        let components = load::components(&self.shared, app)?;
        *self
            .components
            .write()
            .unwrap_or_else(PoisonError::into_inner) = components;
        Ok(())
    }

    pub(crate) fn component(&self, id: &str) -> Option<Arc<LoadedComponent>> {
        let components = self.components.read();
        let components = components.unwrap_or_else(PoisonError::into_inner);
        components.get(id).cloned()
    }

    pub(crate) fn databases(&self) -> &Databases {
        &self.databases
    }

    pub(crate) fn outbound(&self) -> &Client {
        &self.outbound
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// Whether a body declares more bytes than a request may have.
fn too_large(body: &Body, limits: &Limits) -> bool {
    body.size_hint().lower() > limits.max_request_body
}

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// Sets the headers from which a Spin guest learns how it was reached.
fn tell_route(
    headers: &mut HeaderMap,
    uri: &http::Uri,
    found: &Match<'_, '_>,
    client: HeaderValue,
) {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let host = host.or(uri.authority().map(|a| a.as_str()));
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let full_url = ["http://", host.unwrap_or("localhost"), path].concat();
    headers.reserve(8);
    if let Ok(full_url) = HeaderValue::try_from(full_url) {
        headers.insert(FULL_URL, full_url);
    }
    if let Ok(rest) = HeaderValue::try_from(found.rest()) {
        headers.insert(PATH_INFO, rest);
    }
    headers.insert(MATCHED_ROUTE, found.route.matched.clone());
    headers.insert(RAW_COMPONENT_ROUTE, found.route.raw.clone());
    headers.insert(COMPONENT_ROUTE, found.route.prefix.clone());
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(CLIENT_ADDR, client);
    for (name, param) in found.params() {
        let name = name.to_ascii_lowercase().replace('_', "-");
        let name = HeaderName::try_from(format!("spin-path-match-{name}"));
        if let (Ok(name), Ok(param)) = (name, HeaderValue::from_str(param)) {
            headers.insert(name, param);
        }
    }
}

/// The same for a call that names its component: as if its route were `/...`.
fn tell_call<B>(request: &mut Request<B>, component: &str) {
    let any = HeaderValue::from_static("/...");
    let path = HeaderValue::from_str(request.uri().path()).ok();
    let host = match request.uri().authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()),
        None => HeaderValue::try_from(format!("{component}.spin.internal")),
    };
    let headers = request.headers_mut();
    headers.reserve(8);
    if let Ok(host) = host {
        headers.entry(header::HOST).or_insert(host);
    }
    if let Some(path) = path {
        headers.insert(PATH_INFO, path);
    }
    headers.insert(MATCHED_ROUTE, any.clone());
    headers.insert(RAW_COMPONENT_ROUTE, any);
    headers.insert(COMPONENT_ROUTE, HeaderValue::from_static(""));
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(CLIENT_ADDR, IN_PROCESS);
}
