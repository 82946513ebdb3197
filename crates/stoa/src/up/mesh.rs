//! The application in a mesh: every workload of the manifests a component of its own behind a sidecar, and a gateway before all.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;
use stoa_manifest::{App, LoadOptions, RoutePath, SpinApp};
use stoa_mesh::{
    AccessLogs, Compiled, Mesh, MeshError, MeshOptions, Metrics, Overrides, Pod, Proxy, Scenario,
    Service, Workload,
};
use stoa_runtime::{AppOptions, LoadedApp};
use tokio::sync::watch;

use super::operator::Operator;
use super::state::{Run, RunWorkload, StateDir};
use super::timers::{self, Target};
use super::{GRACE, Signals, bind, config, load_with, runtime, serve, stopped, url};
use crate::api::Api;
use crate::check;
use crate::cli::UpArgs;
use crate::exit::{Code, Failure};
use crate::log::say;
use crate::mesh::compiled_failure;
use crate::set;

/// The port that a Spin component listens on in its Pod.
const APP_PORT: u16 = 80;
/// The gateway's port for HTTP, in its Pod.
const GATEWAY_PORT: u16 = 8080;
/// Envoys on a busy machine, which compile their filters.
const READY: Duration = Duration::from_secs(60);
/// Who calls what is inside the mesh from outside: a workload of this name.
const OPERATOR: &str = "operator";

/// What was compiled, if a mesh is wanted and there is something.
pub(super) fn compiled(arguments: &UpArgs) -> Option<PathBuf> {
    if arguments.no_mesh || arguments.app.components.is_some() {
        return None;
    }
    arguments
        .mesh
        .clone()
        .or_else(|| beside(&arguments.app.manifest))
}

/// What istio-compile made of the manifests beside a document, if there is any.
pub(crate) fn beside(document: &Path) -> Option<PathBuf> {
    let folder = document.with_file_name("istio").join("compiled");
    folder.join("workloads.json").is_file().then_some(folder)
}

/// Runs the application in the mesh until it is told to stop.
pub(super) fn run(arguments: &UpArgs, compiled: &Path) -> Result<(), Failure> {
    // Before anything else is looked for: a folder that was named is there, or not.
    Compiled::read(compiled).map_err(|error| compiled_failure(&error))?;
    let state = StateDir::hold(&arguments.state_dir)?;
    let operator = bind(arguments.operator_listen, "--operator-listen")?;
    let mesh = Mesh::prepare(options(arguments, compiled)?).map_err(failure)?;
    let plan = Plan::new(arguments, &mesh)?;
    let threads = stoa_runtime::tokio_runtime(None)
        .map_err(|error| Failure::new(Code::Unavailable, format!("no threads: {error}")))?;
    let done = threads.block_on(up(arguments, state, operator, mesh, plan));
    threads.shutdown_background();
    done
}

fn options(arguments: &UpArgs, compiled: &Path) -> Result<MeshOptions, Failure> {
    // Envoy has a folder of its own in mind.
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|error| Failure::io(&error, Code::Io, path.display().to_string()))
    };
    let checkout = absolute(&arguments.app.manifest)?;
    let target = checkout.with_file_name("target");
    let envoy = stoa_mesh::find_envoy(&target.join("envoy"))
        .map_err(|error| Failure::new(Code::Unavailable, format!("{error}; or --no-mesh")))?;
    let roots =
        stoa_mesh::find_roots().map_err(|error| Failure::new(Code::NoInput, error.to_string()))?;
    let mut gateway = BTreeMap::new();
    if arguments.listen.port() != 0 {
        // Known at once, and said better than Envoy says it.
        drop(bind(arguments.listen, "--listen")?);
        gateway.insert(GATEWAY_PORT, arguments.listen);
    }
    Ok(MeshOptions {
        compiled: absolute(compiled)?,
        state_dir: absolute(&arguments.state_dir.join("mesh"))?,
        logs: absolute(&arguments.state_dir.join("logs"))?,
        envoy,
        filters: target.join("wasm32-wasip1/release"),
        roots: absolute(&roots)?,
        gateway,
        certificate_lifetime: arguments.certificate_lifetime,
    })
}

fn failure(error: MeshError) -> Failure {
    let code = match &error {
        MeshError::Compiled(error) => return compiled_failure(error),
        MeshError::Io { what, error } => return Failure::io(error, Code::Io, what),
        MeshError::Rejected { .. } => Code::Data,
        MeshError::Addresses(_) | MeshError::Late(..) | MeshError::Ends { .. } => Code::Unavailable,
        MeshError::Certificates(_) => Code::Internal,
    };
    Failure::new(code, error.to_string())
}

/// What runs where.
struct Plan {
    placed: Vec<Placed>,
    /// By route: where the operator connects to, and the host to ask for.
    routes: BTreeMap<String, (SocketAddr, HeaderValue)>,
}

/// One workload's component, and the listener behind its sidecar.
struct Placed {
    workload: Workload,
    app: App,
    options: AppOptions,
    listener: TcpListener,
}

impl Plan {
    fn new(arguments: &UpArgs, mesh: &Mesh) -> Result<Self, Failure> {
        let (compiled, releases) = (mesh.compiled(), releases(&arguments.app.manifest)?);
        let operator = compiled.workloads.iter().find(|w| w.owner == OPERATOR);
        let operator = operator.and_then(|w| mesh.addresses().pod(w.ip));
        let mut plan = Self {
            placed: Vec::new(),
            routes: BTreeMap::new(),
        };
        let mut apps: BTreeMap<(String, String), App> = BTreeMap::new();
        for spin_app in &compiled.spin_apps {
            let spin_app = SpinApp::read(spin_app)
                .map_err(|error| Failure::new(Code::Data, error.to_string()))?;
            let app = release(arguments, &releases, &spin_app)?;
            apps.insert((spin_app.namespace, spin_app.name), app);
        }
        for workload in &compiled.workloads {
            let key = (workload.namespace.clone(), workload.owner.clone());
            let (Some(app), Some(pod)) = (apps.get(&key), mesh.addresses().pod(workload.ip)) else {
                continue;
            };
            plan.add(workload, app, *pod, operator, mesh)?;
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        workload: &Workload,
        app: &App,
        pod: Pod,
        operator: Option<&Pod>,
        mesh: &Mesh,
    ) -> Result<(), Failure> {
        let (compiled, listens) = (mesh.compiled(), pod.app(APP_PORT));
        let service = compiled.services.iter().find(|s| is_behind(workload, s));
        if let Some(host) = service.and_then(|s| HeaderValue::try_from(s.host()).ok()) {
            let from = match (workload.proxy, operator) {
                (Proxy::Sidecar, Some(operator)) => operator.egress(APP_PORT),
                _ => listens,
            };
            for route in &app.routes {
                if let RoutePath::Public(path) = &route.path {
                    self.routes.insert(path.clone(), (from, host.clone()));
                }
            }
        }
        let options = match workload.proxy {
            Proxy::None => AppOptions {
                hosts: hosts(&compiled, mesh),
                ..AppOptions::default()
            },
            _ => AppOptions {
                outbound_proxy: Some(pod.egress(APP_PORT)),
                ..AppOptions::default()
            },
        };
        self.placed.push(Placed {
            workload: workload.clone(),
            app: app.clone(),
            options,
            listener: bind(listens, "a workload's own")?,
        });
        Ok(())
    }
}

fn is_behind(workload: &Workload, service: &Service) -> bool {
    let endpoints = service.ports.iter().flat_map(|port| &port.endpoints);
    service.namespace == workload.namespace
        && endpoints
            .into_iter()
            .any(|endpoint| endpoint.pod == workload.pod)
}

/// What a name means to a workload without a sidecar.
fn hosts(compiled: &Compiled, mesh: &Mesh) -> BTreeMap<String, SocketAddr> {
    let mut hosts = BTreeMap::new();
    for service in &compiled.services {
        for port in &service.ports {
            let Some(endpoint) = port.endpoints.first() else {
                continue;
            };
            let is_gateway = compiled
                .workloads
                .iter()
                .any(|w| w.ip == endpoint.ip && w.proxy == Proxy::Gateway);
            let address = match is_gateway {
                true => mesh.gateway(endpoint.port),
                false => mesh.addresses().endpoint(endpoint.ip, endpoint.port),
            };
            if let Some(address) = address {
                hosts.insert(format!("{}:{}", service.host(), port.port), address);
            }
        }
    }
    hosts
}

/// The manifests beside this one, by the version of their application: an image's tag says which of them it is.
fn releases(manifest: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let folder = match manifest.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Failure::io(&error, Code::Io, folder.display().to_string()))?;
    let mut found = BTreeMap::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("spin") || !name.ends_with(".toml") {
            continue;
        }
        let path = folder.join(name.as_ref());
        let app = stoa_manifest::load(&path, &LoadOptions::default());
        // A manifest that is wrong is told of where it is needed.
        if let Ok(app) = app
            && let Some(other) = found.insert(app.version.clone(), path.clone())
        {
            return Err(Failure::new(
                Code::Data,
                format!(
                    "{} and {} are both version {}: the tag of a SpinApp's image would mean both",
                    other.display(),
                    path.display(),
                    app.version
                ),
            ));
        }
    }
    Ok(found)
}

/// The component of a SpinApp, with its variables; those of the command line win.
fn release(
    arguments: &UpArgs,
    releases: &BTreeMap<String, PathBuf>,
    spin_app: &SpinApp,
) -> Result<App, Failure> {
    let Some(manifest) = releases.get(&spin_app.version) else {
        let known: Vec<_> = releases.keys().map(String::as_str).collect();
        return Err(Failure::new(
            Code::Data,
            format!(
                "SpinApp {}: the tag of its image is {}, and no spin*.toml here has that version; there is {}",
                spin_app.name,
                spin_app.version,
                known.join(", ")
            ),
        ));
    };
    let mut app = arguments.app.clone();
    app.manifest.clone_from(manifest);
    app.components = Some(spin_app.components.clone()).filter(|ids| !ids.is_empty());
    let mut variables = spin_app.variables.clone();
    variables.extend(app.variables);
    app.variables = variables.into_iter().collect();
    let app = check::load(&app)?;
    super::built(&app)?;
    Ok(app)
}

async fn up(
    arguments: &UpArgs,
    state: StateDir,
    operator: TcpListener,
    mut mesh: Mesh,
    plan: Plan,
) -> Result<(), Failure> {
    let begin = Instant::now();
    let mut signals = Signals::listen()?;
    let internal = |error: tokio::task::JoinError| Failure::new(Code::Internal, error.to_string());
    say(&format!(
        "loading {} workloads and starting {} Envoys; what is new is compiled, which takes a while the first time",
        plan.placed.len(),
        mesh.compiled().proxies().count()
    ));
    if let Some(scenario) = Scenario::of(&arguments.state_dir.join("mesh")) {
        let name = scenario.name;
        say(&format!(
            "scenario {name} is in force (`stoa scenario off` goes back to the manifests)"
        ));
    }
    // What cannot be read is told when the mesh is started.
    let overrides = Overrides::read(&arguments.state_dir.join("mesh"));
    for line in set::told(&overrides.unwrap_or_default()) {
        say(&line);
    }
    // The Envoys start while components are loaded.
    let logs = AccessLogs::new(&arguments.state_dir.join("logs"));
    let metrics = Metrics::new(&mesh.compiled(), mesh.addresses());
    let metrics = Arc::new(metrics.map_err(|error| failure(error.into()))?);
    mesh.start(&access(logs, Arc::clone(&metrics)))
        .map_err(failure)?;
    let config = config(arguments);
    let loading = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let runtime = runtime(config)?;
        let load = |placed: Placed| -> Result<_, Failure> {
            let loaded = load_with(&runtime, &placed.app, placed.options)?;
            Ok((placed.workload, placed.app, loaded, placed.listener))
        };
        plan.placed
            .into_iter()
            .map(load)
            .collect::<Result<Vec<_>, _>>()
    });
    let api: Option<Arc<Api>> = check::api(&arguments.app)?.map(Arc::new);
    let loaded: Vec<(Workload, App, Arc<LoadedApp>, TcpListener)> = tokio::select! {
        () = signals.stop() => {
            mesh.stop().await;
            return Ok(());
        }
        loaded = loading => loaded.map_err(internal)??,
    };
    let (stop, stopping) = watch::channel(());
    let mut serving = Vec::new();
    let mut apps = Vec::new();
    let mut watched = Vec::new();
    for (_, app, loaded, listener) in loaded {
        serving.push(serve(listener, &loaded, None, &stopping)?);
        watched.push((app.clone(), loaded));
        apps.push(app);
    }
    tokio::select! {
        () = signals.stop() => {
            mesh.stop().await;
            return Ok(());
        }
        ready = mesh.ready(READY) => ready.map_err(failure)?,
    }
    say(&format!("ready in {:.1} s", begin.elapsed().as_secs_f32()));

    let run = Run {
        pid: std::process::id(),
        gateway: mesh
            .gateway(GATEWAY_PORT)
            .map(|address| format!("http://{address}"))
            .ok_or_else(|| Failure::new(Code::Data, "the manifests have no gateway"))?,
        operator: url(&operator)?,
        manifest: arguments.app.manifest.clone(),
        compiled: Some(mesh.folder().to_owned()),
        mesh: workloads(&mesh),
    };
    let client = Arc::new(Operator::new(plan.routes, metrics, mesh.scrape_targets()));
    let wanted = api
        .iter()
        .filter(|_| !arguments.no_timers)
        .flat_map(|api| api.timers.iter().cloned());
    let apps: Vec<_> = apps.iter().collect();
    let target = Target::Mesh(Arc::clone(&client));
    let (timer_stop, timer_stopping) = watch::channel(());
    let timers = timers::start(wanted, &apps, &target, &timer_stopping);
    if arguments.watch {
        let command = arguments.build_command.clone();
        serving.push(super::rebuild::start(watched, command, &timer_stopping));
    }
    let operator = tokio::net::TcpListener::from_std(operator)
        .map_err(|error| Failure::io(&error, Code::Internal, "listener"))?;
    let operator = tokio::spawn(client.serve(operator, stopped(timer_stopping)));
    state.announce(&run)?;
    check::print(&greeting(&run, arguments, api.as_deref()))?;

    signals.stop().await;
    tracing::info!("stopping: requests at work may finish");
    drop(timer_stop);
    let quiet = async {
        // Whoever is under way at one of these has connections to components yet to open, so those come last.
        let _ = tokio::join!(mesh.close_gateways(GRACE), operator, timers.ended(GRACE));
        drop(stop);
        for serving in serving {
            let _ = serving.await;
        }
    };
    let done = tokio::select! {
        () = quiet => {
            tracing::info!("stopped");
            Ok(())
        }
        () = signals.stop() => Err(Failure::new(Code::Interrupted, "stopped at once; requests were cut off")),
    };
    mesh.stop().await;
    done
}

fn access(logs: AccessLogs, metrics: Arc<Metrics>) -> stoa_mesh::OnAccess {
    let failed = AtomicBool::new(false);
    Arc::new(move |workload, line| {
        metrics.record(workload, line);
        if let Err(error) = logs.write(workload, line)
            && !failed.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%error, "the Envoys' access logs cannot be written");
        }
    })
}

fn workloads(mesh: &Mesh) -> Vec<RunWorkload> {
    let of = |workload: &Workload| {
        let pod = mesh.addresses().pod(workload.ip)?;
        let proxy = match workload.proxy {
            Proxy::Sidecar => Some("sidecar"),
            Proxy::Gateway => Some("gateway"),
            Proxy::None => None,
        };
        Some(RunWorkload {
            name: workload.name(),
            proxy: proxy.map(str::to_owned),
            identity: workload.identity(),
            cluster_ip: workload.ip,
            ip: pod.ip,
            admin: proxy.map(|_| pod.admin()),
            app: (workload.kind == "SpinApp").then(|| pod.app(APP_PORT)),
        })
    };
    mesh.compiled().workloads.iter().filter_map(of).collect()
}

fn greeting(run: &Run, arguments: &UpArgs, api: Option<&Api>) -> String {
    let envoys = run.mesh.iter().filter(|w| w.proxy.is_some()).count();
    let first = api.and_then(|api| api.first_get.as_deref()).unwrap_or("/");
    format!(
        "\nThe shop is up, in a mesh of {envoys} Envoys. Ctrl-C stops it.\n\n  \
         gateway   {gateway}\n  \
         operator  {operator}   what an operator may call, inside the mesh too\n  \
         metrics   {operator}/metrics   Istio's, and those of every Envoy\n  \
         data      {data}\n  \
         logs      {logs}\n\n  \
         Try:  curl {gateway}{first}\n\n",
        gateway = run.gateway,
        operator = run.operator,
        data = arguments.state_dir.display(),
        logs = arguments.state_dir.join("logs").display(),
    )
}
