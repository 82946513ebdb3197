//! `stoa up`: runs an application until it is told to stop.
//!
//! - `state.rs`: the state folder, which one process holds at a time, and `run.json`.
//! - `rebuild.rs`: components that are built again while they run.
//! - `timers.rs`: the calls that an OpenAPI document wants made from time to time.
//! - `mesh.rs`: the same behind Envoys, a workload each; `operator.rs`: how an operator calls what is in a mesh.

pub(crate) mod mesh;
mod operator;
mod rebuild;
mod state;
mod timers;

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stoa_manifest::{App, RoutePath};
use stoa_runtime::{
    AppOptions, Filter, Limits, LoadError, LoadedApp, Runtime, RuntimeConfig, ServeOptions,
    StartError,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::check;
use crate::cli::UpArgs;
use crate::exit::{Code, Failure};
use crate::log::{self, say};
pub(crate) use state::{Run, RunWorkload, StateDir, known_state_folder};
use timers::Target;

/// How long requests at work may take to finish once the program is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the command.
pub(crate) fn run(arguments: &UpArgs) -> Result<(), Failure> {
    log::start(arguments.log, &arguments.log_level)?;
    let app = check::load(&arguments.app)?;
    built(&app)?;
    if let Some(compiled) = mesh::compiled(arguments) {
        return mesh::run(arguments, &compiled);
    }
    let state = StateDir::hold(&arguments.state_dir)?;
    // Before anything is compiled: a taken port is known at once, and who connects early waits instead of failing.
    let gateway = bind(arguments.listen, "--listen")?;
    let operator = bind(arguments.operator_listen, "--operator-listen")?;
    let threads = stoa_runtime::tokio_runtime(None)
        .map_err(|error| Failure::new(Code::Unavailable, format!("no threads: {error}")))?;
    let done = threads.block_on(
        Started {
            arguments,
            app,
            state,
            gateway,
            operator,
        }
        .serve(),
    );
    // What still runs was told to stop and was given its time.
    threads.shutdown_background();
    done
}

/// Everything that is there before the first component is compiled.
struct Started<'a> {
    arguments: &'a UpArgs,
    app: App,
    state: StateDir,
    gateway: TcpListener,
    operator: TcpListener,
}

impl Started<'_> {
    async fn serve(self) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let (manifest, config) = (self.app.clone(), config(self.arguments));
        let loading = tokio::task::spawn_blocking(move || load(&manifest, config));
        // Read meanwhile: a long document takes a good part of a warm start.
        let api: Option<Arc<Api>> = check::api(&self.arguments.app)?.map(Arc::new);
        let app = tokio::select! {
            // Compiling cannot be cut short, but nobody has to wait for it.
            () = signals.stop() => return Ok(()),
            loaded = loading => {
                loaded.map_err(|error| Failure::new(Code::Internal, format!("loading failed: {error}")))??
            }
        };

        let run = Run {
            pid: std::process::id(),
            gateway: url(&self.gateway)?,
            operator: url(&self.operator)?,
            manifest: self.arguments.app.manifest.clone(),
            compiled: None,
            mesh: Vec::new(),
        };
        let (stop, stopping) = watch::channel(());
        let wanted = api
            .iter()
            .filter(|_| !self.arguments.no_timers)
            .flat_map(|api| api.timers.iter().cloned());
        let timers = timers::start(
            wanted,
            &[&self.app],
            &Target::App(Arc::clone(&app)),
            &stopping,
        );
        let exposed = api
            .clone()
            .map(|api| -> Filter { Arc::new(move |method, path| api.exposure(method, path)) });
        let public = serve(self.gateway, &app, exposed, &stopping)?;
        let all = serve(self.operator, &app, None, &stopping)?;
        let watching = self.arguments.watch.then(|| {
            let watched = vec![(self.app.clone(), Arc::clone(&app))];
            rebuild::start(watched, self.arguments.build_command.clone(), &stopping)
        });
        self.state.announce(&run)?;
        let first = api
            .as_deref()
            .map_or_else(|| first_route(&self.app), |api| api.first_get.clone());
        check::print(&greeting(
            &run,
            &self.app,
            first.as_deref(),
            &self.arguments.state_dir,
        ))?;

        signals.stop().await;
        tracing::info!("stopping: requests at work may finish");
        drop(stop);
        if let Some(watching) = watching {
            let _ = watching.await;
        }
        let quiet = async { tokio::join!(public, all, timers.ended(GRACE)) };
        tokio::select! {
            _ = quiet => {
                tracing::info!("stopped");
                Ok(())
            }
            () = signals.stop() => Err(Failure::new(Code::Interrupted, "stopped at once; requests were cut off")),
        }
    }
}

/// Ctrl-C and SIGTERM.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let one = |kind| {
            signal(kind).map_err(|error| Failure::new(Code::Internal, format!("signals: {error}")))
        };
        Ok(Self {
            interrupt: one(SignalKind::interrupt())?,
            terminate: one(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Completes once the sender is gone.
async fn stopped(mut stopping: watch::Receiver<()>) {
    while stopping.changed().await.is_ok() {}
}

/// A component that was not built is told here, all of them together and with the command that builds them.
fn built(app: &App) -> Result<(), Failure> {
    let sources = app.components.values().map(|component| &component.source);
    let missing: Vec<_> = sources
        .filter(|source| !source.is_file())
        .map(|s| s.display().to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join("\n  ");
    Err(Failure::new(
        Code::NoInput,
        format!("not built yet (`make wasm` builds the shop's components):\n  {missing}"),
    ))
}

fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::new(
            Code::Unavailable,
            format!("{address} is in use by another program: stop that one, or choose another address with {flag}"),
        ),
        _ => Failure::io(&error, Code::Unavailable, format!("cannot listen on {address} ({flag})")),
    })
}

fn url(listener: &TcpListener) -> Result<String, Failure> {
    let address = listener
        .local_addr()
        .map_err(|error| Failure::io(&error, Code::Internal, "listener"))?;
    Ok(format!("http://{address}"))
}

fn config(arguments: &UpArgs) -> RuntimeConfig {
    let usual = Limits::default();
    let cache_dir = arguments
        .cache_dir
        .clone()
        .unwrap_or_else(|| arguments.state_dir.join("cache"));
    let memory = arguments.memory.map_or(usual.memory_per_instance, |bytes| {
        usize::try_from(bytes).unwrap_or(usize::MAX)
    });
    RuntimeConfig {
        cache_dir: Some(cache_dir),
        limits: Limits {
            memory_per_instance: memory,
            request_timeout: arguments.request_timeout.unwrap_or(usual.request_timeout),
            head_timeout: arguments.head_timeout.unwrap_or(usual.head_timeout),
            max_request_body: arguments.max_body.unwrap_or(usual.max_request_body),
            max_instances: arguments.max_instances.unwrap_or(usual.max_instances),
            ..usual
        },
        ..RuntimeConfig::new(&arguments.state_dir)
    }
}

fn load(app: &App, config: RuntimeConfig) -> Result<Arc<LoadedApp>, Failure> {
    let begin = Instant::now();
    let count = app.components.len();
    say(&format!(
        "loading {count} components; what is new is compiled, which takes a while the first time"
    ));
    let loaded = load_with(&runtime(config)?, app, AppOptions::default())?;
    say(&format!("loaded in {:.1} s", begin.elapsed().as_secs_f32()));
    Ok(loaded)
}

fn runtime(config: RuntimeConfig) -> Result<Runtime, Failure> {
    Runtime::new(config).map_err(|error| {
        let code = match &error {
            StartError::Cache { .. } => Code::CannotCreate,
            StartError::Engine(_) | StartError::Thread(_) => Code::Unavailable,
        };
        Failure::new(code, error.to_string())
    })
}

fn load_with(runtime: &Runtime, app: &App, options: AppOptions) -> Result<Arc<LoadedApp>, Failure> {
    runtime.load(app, options).map_err(|error| {
        let code = match &error {
            LoadError::Unreadable { .. } => Code::NoInput,
            LoadError::Database { .. } => Code::Io,
            _ => Code::Data,
        };
        Failure::new(code, error.to_string())
    })
}

fn serve(
    listener: TcpListener,
    app: &Arc<LoadedApp>,
    filter: Option<Filter>,
    stopping: &watch::Receiver<()>,
) -> Result<JoinHandle<()>, Failure> {
    let listener = tokio::net::TcpListener::from_std(listener)
        .map_err(|error| Failure::io(&error, Code::Internal, "listener"))?;
    let options = ServeOptions {
        filter,
        grace: GRACE,
    };
    Ok(tokio::spawn(stoa_runtime::serve(
        listener,
        Arc::clone(app),
        options,
        stopped(stopping.clone()),
    )))
}

fn first_route(app: &App) -> Option<String> {
    app.routes.iter().find_map(|route| match &route.path {
        RoutePath::Public(path) if !path.contains(':') => {
            Some(path.trim_end_matches("...").to_owned())
        }
        _ => None,
    })
}

fn greeting(run: &Run, app: &App, first: Option<&str>, state_dir: &Path) -> String {
    let mut text = format!("\n{} {} is up. Ctrl-C stops it.\n\n", app.name, app.version);
    // Writing to a String does not fail.
    let _ = writeln!(text, "  gateway   {}", run.gateway);
    let _ = writeln!(
        text,
        "  operator  {}   every route, inside ones too: for operators and tests",
        run.operator
    );
    let _ = writeln!(text, "  data      {}", state_dir.display());
    if let Some(first) = first {
        let _ = writeln!(text, "\n  Try:  curl {}{first}\n", run.gateway);
    }
    text
}
