//! A loaded application. It selects the component for each request, and runs that component.
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use stoa_manifest::App;
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::admission::{Admission, EarlyStart};
use crate::authority;
use crate::body::{Body, BodyError, empty};
use crate::config::{AppOptions, Limits};
use crate::database::Databases;
use crate::gather::{MAX_GATHERED_BYTES, gather};
use crate::host::backends::Backends;
use crate::intake::{Intake, LimitedBody, Progress};
use crate::load::{self, LoadError, LoadedComponent};
use crate::local_service::{LocalCallError, LocalService, Remainder, Sending, component_name};
use crate::outbound::{Client, with_between_bytes_timeout};
use crate::problem::{Problem, ProblemContext};
use crate::request::{Job, run};
use crate::routes::Router;
use crate::shared::Shared;
use crate::spin_headers::{IN_PROCESS_ADDRESS, insert_call, insert_route};
use crate::well_known;

/// The error for a call to a component that the app does not have, or that does not answer requests.
#[derive(Debug, thiserror::Error)]
#[error("the app has no component {0} that answers requests")]
pub struct NoSuchComponent(pub String);

/// An application whose components are compiled and linked.
pub struct LoadedApp {
    name: String,
    version: String,
    shared: Arc<Shared>,
    router: Router,
    components: RwLock<HashMap<String, Arc<LoadedComponent>>>,
    backends: Backends,
}

impl LoadedApp {
    pub(crate) fn load(
        shared: Arc<Shared>,
        app: &App,
        options: AppOptions,
    ) -> Result<Arc<Self>, LoadError> {
        let router = Router::new(&app.routes).map_err(LoadError::Route)?;
        let state_dir = options.state_dir;
        let state_dir = state_dir.unwrap_or_else(|| shared.state_dir.clone());
        let backends = Backends {
            databases: Arc::new(Databases::new(Arc::clone(&shared.databases), state_dir)),
            postgres: Arc::clone(&shared.servers),
            http: Arc::new(Client::new(options.outbound_proxy, options.hosts)),
        };
        let components = load::components(&shared, app, &backends)?;
        for component in app.components.values() {
            for label in &component.sqlite_databases {
                backends
                    .databases
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
            backends,
        }))
    }

    /// The app's name, from its manifest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the component whose route matches the request's path. If no route matches, the response is 404 with an empty body.
    /// Private routes never match. The runtime itself answers paths under `/.well-known/spin/`.
    pub async fn handle<B>(self: &Arc<Self>, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        self.handle_from(request, IN_PROCESS_ADDRESS).await
    }

    /// Like [`handle`](Self::handle), for a request from a client with the address `client`.
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
        if let Some(response) = well_known::response(&self.name, &self.version, parts.uri.path()) {
            return response;
        }
        let Some(found) = self.router.find(parts.uri.path()) else {
            let mut response = Response::new(empty());
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            return response;
        };
        let Some(component) = self.component(&found.route.component) else {
            return Problem::Failed.response(&ProblemContext::from_request(&Request::from_parts(
                parts,
                (),
            )));
        };
        let mut headers = std::mem::take(&mut parts.headers);
        insert_route(&mut headers, &parts.uri, &found, client);
        parts.headers = headers;
        self.admit_and_run(component, Request::from_parts(parts, body))
            .await
    }

    /// Runs the component with the id `component`, even if its route is private. The request must have a path, but does not need a
    /// host.
    ///
    /// # Errors
    /// If the app has no component with that id, or the component does not answer requests.
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
        insert_call(&mut request, &component.id);
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
        let early_start = if complete {
            None
        } else {
            self.shared.admissions.admit_early_start()
        };
        let request = if complete || early_start.is_some() || too_large(request.body(), limits) {
            request
        } else {
            match self.gather_body(request).await {
                Ok(request) => request,
                Err(refusal) => return refusal,
            }
        };
        let Some(admission) = self.shared.admissions.admit() else {
            tracing::warn!(component = %component.id, "request rejected: the limit of running requests is reached");
            return Problem::Busy.response(&ProblemContext::from_request(&request));
        };
        self.start(component, request, 0, Some(admission), early_start)
            .await
    }

    /// Waits until the body is complete, or until [`MAX_GATHERED_BYTES`] of the body have arrived.
    async fn gather_body(&self, request: Request<Body>) -> Result<Request<Body>, Response<Body>> {
        let limits = &self.shared.limits;
        let context = ProblemContext::from_request(&request);
        let (parts, body) = request.into_parts();
        let all = gather(body, MAX_GATHERED_BYTES.min(limits.max_request_body));
        match tokio::time::timeout(limits.request_timeout, all).await {
            Ok(Ok(body)) => Ok(Request::from_parts(parts, body)),
            Ok(Err(_)) => Err(Problem::BodyBroken.response(&context)),
            Err(_) => Err(Problem::BodyLate.response(&context)),
        }
    }

    /// Runs `component` for a request that another component sent to `http://NAME.spin.internal`.
    async fn call_nested(
        self: &Arc<Self>,
        component: Arc<LoadedComponent>,
        mut request: Request<Body>,
        depth: u32,
        timeouts: RequestOptions,
    ) -> Result<Response<Body>, Error> {
        insert_call(&mut request, &component.id);
        let response = self.start(component, request, depth, None, None);
        let response = match timeouts.first_byte_timeout {
            Some(limit) => tokio::time::timeout(limit, response)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?,
            None => response.await,
        };
        Ok(response.map(|body| with_between_bytes_timeout(body, timeouts)))
    }

    async fn start(
        self: &Arc<Self>,
        component: Arc<LoadedComponent>,
        request: Request<Body>,
        depth: u32,
        admission: Option<Admission>,
        early_start: Option<EarlyStart>,
    ) -> Response<Body> {
        let context = ProblemContext::from_request(&request);
        let (parts, body) = request.into_parts();
        if !authority::has_one_valid_host(&parts) {
            return Problem::BadRequest.response(&context);
        }
        let limits = &self.shared.limits;
        if too_large(&body, limits) {
            return Problem::BodyTooLarge.response(&context);
        }
        let intake = Intake::new();
        let body = if body.is_end_stream() {
            empty()
        } else {
            let limit = limits.max_request_body;
            LimitedBody::new(body, limit, intake.clone(), early_start).boxed_unsync()
        };
        let response = run(Job {
            shared: Arc::clone(&self.shared),
            local: Arc::clone(self) as Arc<dyn LocalService>,
            component,
            request: Request::from_parts(parts, body),
            intake: intake.clone(),
            context: context.clone(),
            depth,
            admission,
        })
        .await;
        match intake.progress() {
            Progress::TooLarge => Problem::BodyTooLarge.response(&context),
            Progress::Broken => Problem::BodyBroken.response(&context),
            Progress::Open | Progress::Awaited | Progress::Ended => response,
        }
    }

    /// Replaces this app's components by the components of `app`, a changed version of the same application. New requests use the
    /// new components, and requests in flight finish with the old components. Unchanged components come from the cache. This
    /// function blocks while the components compile.
    ///
    /// # Errors
    /// An error about the first component that cannot run. The old components then stay in use.
    pub fn reload(&self, app: &App) -> Result<(), LoadError> {
        let components = load::components(&self.shared, app, &self.backends)?;
        *self
            .components
            .write()
            .unwrap_or_else(PoisonError::into_inner) = components;
        Ok(())
    }

    fn component(&self, id: &str) -> Option<Arc<LoadedComponent>> {
        let components = self.components.read();
        let components = components.unwrap_or_else(PoisonError::into_inner);
        components.get(id).cloned()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl LocalService for LoadedApp {
    fn call(
        self: Arc<Self>,
        request: Request<Body>,
        depth: u32,
        timeouts: RequestOptions,
    ) -> Result<Sending, LocalCallError> {
        let name = component_name(request.uri()).unwrap_or_default();
        let component = self
            .component(name)
            .ok_or_else(|| LocalCallError::NoSuchComponent(name.to_owned()))?;
        if depth > self.shared.limits.max_call_depth {
            return Err(LocalCallError::TooDeep(name.to_owned()));
        }
        Ok(Box::new(async move {
            let response = self
                .call_nested(component, request, depth, timeouts)
                .await?;
            let nothing_left: Remainder = Box::new(std::future::ready(Ok(())));
            Ok((response, nothing_left))
        }))
    }
}

/// Whether the declared length of a body exceeds the limit.
fn too_large(body: &Body, limits: &Limits) -> bool {
    body.size_hint().lower() > limits.max_request_body
}
