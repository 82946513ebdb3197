//! The steps of a run, from locking the state folder to the shutdown. The sequence is the same with and without a mesh. A
//! [`Placement`] implements the steps that differ.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use stoa_manifest::App;
use stoa_mesh::Compiled;
use stoa_runtime::Runtime;

use crate::application::require_built;
use crate::document::Document;
use crate::engine::{self, LoadedPart};
use crate::error::{ListenerRole, UpError};
use crate::listeners::{bind, url};
use crate::notice::{Announcement, Notice, Reporter};
use crate::options::Options;
use crate::placement::Placement;
use crate::placement::meshed::Meshed;
use crate::placement::plain::Plain;
use crate::rebuild;
use crate::run::Run;
use crate::signals::Signals;
use crate::state::StateDir;
use crate::stopping::{GRACE_PERIOD, Tasks};
use crate::timers::{self, Callee, Timers};

/// Runs an application until Ctrl-C or SIGTERM. After this first signal, requests in flight have 10 s to finish. A second signal
/// ends the run at once.
///
/// # Errors
/// If the application does not start. After a second signal, the error is [`UpError::Interrupted`].
pub fn run(options: Options, reporter: Arc<dyn Reporter>) -> Result<(), UpError> {
    let app = options.app.load()?;
    require_built(&app)?;
    let compiled = options.compiled();
    if let Some(compiled) = &compiled {
        // The folder with the compiled configuration is checked before the program Envoy is searched for. So if both are missing,
        // the error is about the folder.
        Compiled::read(compiled)?;
    }
    let state = StateDir::lock(&options.state_dir)?;
    let operator = bind(options.operator_listen, ListenerRole::Operator)?;
    let lifecycle = Lifecycle {
        options,
        app,
        state,
        reporter,
    };
    match &compiled {
        None => {
            let (plain, part) = Plain::prepare(&lifecycle.options, &lifecycle.app)?;
            lifecycle.run(plain, part, operator)
        }
        Some(compiled) => {
            let (meshed, parts) = Meshed::prepare(&lifecycle.options, compiled)?;
            lifecycle.run(meshed, parts, operator)
        }
    }
}

/// The values that a run needs until its end.
struct Lifecycle {
    options: Options,
    app: App,
    state: StateDir,
    reporter: Arc<dyn Reporter>,
}

/// The tasks and timers that run while the application is ready.
struct ReadyApplication {
    /// The tasks of the *entrances*, which are the listeners that callers connect to. The task that rebuilds components is here
    /// too.
    entrances: Tasks,
    /// The tasks of the listeners that only the mesh's Envoys connect to. Each workload with a component has one such listener.
    components: Tasks,
    timers: Timers,
}

impl Lifecycle {
    fn run<P: Placement>(
        &self,
        mut placement: P,
        parts: P::Parts,
        operator: TcpListener,
    ) -> Result<(), UpError> {
        let threads = stoa_runtime::tokio_runtime(None).map_err(UpError::Threads)?;
        let result = threads.block_on(async {
            let result = self.run_until_signal(&mut placement, parts, operator).await;
            placement.stop().await;
            result
        });
        // The grace period is over, so the tasks that still run are not waited for.
        threads.shutdown_background();
        result
    }

    async fn run_until_signal<P: Placement>(
        &self,
        placement: &mut P,
        parts: P::Parts,
        operator: TcpListener,
    ) -> Result<(), UpError> {
        let mut signals = Signals::listen()?;
        let starting = self.start(placement, parts, operator);
        let ready = tokio::select! {
            // The compilation of a component cannot be canceled. But the process can exit while a compilation is in progress.
            () = signals.next_signal() => return Ok(()),
            ready = starting => ready?,
        };
        signals.next_signal().await;
        tracing::info!("stopping; requests in flight have a grace period to finish");
        tokio::select! {
            () = drain(placement, ready) => {
                tracing::info!("stopped");
                Ok(())
            }
            () = signals.next_signal() => Err(UpError::Interrupted),
        }
    }

    async fn start<P: Placement>(
        &self,
        placement: &mut P,
        parts: P::Parts,
        operator: TcpListener,
    ) -> Result<ReadyApplication, UpError> {
        let begin = Instant::now();
        placement.start(&*self.reporter)?;
        let config = engine::config(&self.options);
        let loading = tokio::task::spawn_blocking(move || P::load(&Runtime::new(config)?, parts));
        // The OpenAPI document is read while components load, to save time. If all components are in the cache, parsing a long
        // document takes a large part of the start time.
        let document = self.options.app.document()?.map(Arc::new);
        let loaded = loading.await.map_err(UpError::Loading)??;
        let mut components = Tasks::new();
        placement.serve(&loaded, &mut components)?;
        placement.ready().await?;
        self.reporter.notice(Notice::Ready {
            after: begin.elapsed(),
        });

        let run = Run::of_this_process(
            self.options.app.manifest.clone(),
            url(&operator)?,
            placement.addresses()?,
        );
        let mut entrances = Tasks::new();
        let callee = placement.open(operator, &loaded, document.as_ref(), &mut entrances)?;
        let timers = self.start_timers(loaded.as_ref(), document.as_deref(), &callee, &entrances);
        self.start_rebuilding(loaded.as_ref(), &mut entrances);
        self.state.announce(&run)?;
        let announcement = Announcement {
            app: &self.app,
            document: document.as_deref(),
            run: &run,
        };
        self.reporter
            .announce(&announcement)
            .map_err(UpError::Report)?;
        Ok(ReadyApplication {
            entrances,
            components,
            timers,
        })
    }

    fn start_timers(
        &self,
        parts: &[LoadedPart],
        document: Option<&Document>,
        callee: &Callee,
        tasks: &Tasks,
    ) -> Timers {
        let declared = document.filter(|_| self.options.timers);
        let declared = declared.into_iter().flat_map(|d| d.timers.iter().cloned());
        let apps: Vec<_> = parts.iter().map(|part| &part.app).collect();
        timers::start(declared, &apps, callee, &tasks.stopping())
    }

    fn start_rebuilding(&self, parts: &[LoadedPart], tasks: &mut Tasks) {
        let Some(watch) = &self.options.watch else {
            return;
        };
        let apps = parts
            .iter()
            .map(|part| (part.app.clone(), Arc::clone(&part.loaded)))
            .collect();
        let reporter = Arc::clone(&self.reporter);
        tasks.add(rebuild::start(
            apps,
            watch.clone(),
            reporter,
            tasks.stopping(),
        ));
    }
}

/// Closes the entrances (the listeners that callers connect to) before the components' listeners, because a request in flight at an
/// entrance may still open connections to components.
async fn drain<P: Placement>(placement: &P, ready: ReadyApplication) {
    let ReadyApplication {
        entrances,
        components,
        timers,
    } = ready;
    tokio::join!(
        placement.close(),
        entrances.end(),
        timers.wait_for_calls(GRACE_PERIOD)
    );
    components.end().await;
}
