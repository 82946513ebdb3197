//! The life of a run, from the state folder to the shutdown. It is the same with and without a mesh; a [`Placement`] implements
//! the steps that differ.

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
use crate::stopping::{GRACE, Tasks};
use crate::timers::{self, Callee, Timers};

/// Runs an application until Ctrl-C or SIGTERM. Requests in flight then have 10 s to finish; a second signal ends the run at
/// once.
///
/// # Errors
/// If it does not start; [`UpError::Interrupted`] after a second signal.
pub fn run(options: Options, reporter: Arc<dyn Reporter>) -> Result<(), UpError> {
    let app = options.app.load()?;
    require_built(&app)?;
    let compiled = options.compiled();
    if let Some(compiled) = &compiled {
        // A wrong folder is reported before a missing Envoy.
        Compiled::read(compiled)?;
    }
    let state = StateDir::hold(&options.state_dir)?;
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

/// State that lives as long as the application runs.
struct Lifecycle {
    options: Options,
    app: App,
    state: StateDir,
    reporter: Arc<dyn Reporter>,
}

/// Tasks and timers of an application that is ready.
struct Answering {
    /// The listeners that callers connect to, and the rebuild task.
    entrances: Tasks,
    /// The listeners of the components behind them.
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
        let done = threads.block_on(async {
            let done = self.live(&mut placement, parts, operator).await;
            placement.stop().await;
            done
        });
        // Tasks that still run were stopped, and their grace period is over.
        threads.shutdown_background();
        done
    }

    async fn live<P: Placement>(
        &self,
        placement: &mut P,
        parts: P::Parts,
        operator: TcpListener,
    ) -> Result<(), UpError> {
        let mut signals = Signals::listen()?;
        let starting = self.start(placement, parts, operator);
        let answering = tokio::select! {
            // A compilation cannot be cancelled, but the process can exit without waiting for it.
            () = signals.stop() => return Ok(()),
            answering = starting => answering?,
        };
        signals.stop().await;
        tracing::info!("stopping: requests in progress may finish");
        tokio::select! {
            () = drain(placement, answering) => {
                tracing::info!("stopped");
                Ok(())
            }
            () = signals.stop() => Err(UpError::Interrupted),
        }
    }

    async fn start<P: Placement>(
        &self,
        placement: &mut P,
        parts: P::Parts,
        operator: TcpListener,
    ) -> Result<Answering, UpError> {
        let begin = Instant::now();
        placement.start(&*self.reporter)?;
        let config = engine::config(&self.options);
        let loading = tokio::task::spawn_blocking(move || P::load(&Runtime::new(config)?, parts));
        // Read while components load: a long document takes a good part of a warm start.
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
        self.reporter.up(&announcement).map_err(UpError::Report)?;
        Ok(Answering {
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

/// Closes the entrances first and then the components: requests in flight at an entrance still open connections to components.
async fn drain<P: Placement>(placement: &P, answering: Answering) {
    let Answering {
        entrances,
        components,
        timers,
    } = answering;
    tokio::join!(placement.close(), entrances.end(), timers.ended(GRACE));
    components.end().await;
}
