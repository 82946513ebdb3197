//! Rebuilds components of a running application. When a source file of a component changes, the component's build command runs.
//! When this build or another build changes a .wasm file, every application that uses the .wasm file loads it again, and uses it
//! for the next request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stoa_manifest::{App, Build, DependencySource};
use stoa_runtime::LoadedApp;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::notice::{Notice, Reporter};
use crate::options::Watch;
use crate::stopping::stopped;

/// Poll interval for changed files. The interval is short, because a person waits. But it is long enough that several files that
/// one save or one build writes usually count as one change.
const POLL_INTERVAL: Duration = Duration::from_millis(400);

/// The applications whose components are rebuilt.
pub(crate) type RebuiltApps = Vec<(App, Arc<LoadedApp>)>;

/// The .wasm file of a component, and the state that shows whether the file must be built or loaded again.
struct ComponentFile {
    id: String,
    /// The component's build settings in the manifest.
    build: Option<Build>,
    /// The modification time that the newest source file had when the last build started.
    built_for: Option<SystemTime>,
    /// The modification time that the .wasm file had when it was last loaded.
    loaded: Option<SystemTime>,
}

/// Starts the task that rebuilds components. The task ends when `stopping` closes.
pub(crate) fn start(
    apps: RebuiltApps,
    watch: Watch,
    reporter: Arc<dyn Reporter>,
    stopping: watch::Receiver<()>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::select! {
            () = stopped(stopping) => {}
            () = follow(apps, watch, &*reporter) => {}
        }
    })
}

async fn follow(apps: RebuiltApps, watch: Watch, reporter: &dyn Reporter) {
    let mut files = BTreeMap::new();
    for component in apps.iter().flat_map(|(app, _)| app.components.values()) {
        let file = || ComponentFile {
            id: component.id.clone(),
            build: component.build.clone(),
            built_for: newest_source(&component.source),
            loaded: modified_at(&component.source),
        };
        files.entry(component.source.clone()).or_insert_with(file);
    }
    reporter.notice(Notice::Watching {
        components: files.len(),
    });
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let mut changed = Vec::new();
        for (source, file) in &mut files {
            let newest = newest_source(source);
            if newest > file.built_for {
                file.built_for = newest;
                build(file, watch.build_command.as_deref(), reporter).await;
            }
            let now = modified_at(source);
            // The .wasm file may be missing for a moment, while a build replaces it.
            if now.is_some() && now != file.loaded {
                file.loaded = now;
                changed.push((source.clone(), file.id.clone()));
            }
        }
        for (source, id) in changed {
            reload(&apps, &source, &id, reporter).await;
        }
    }
}

async fn build(file: &ComponentFile, command: Option<&str>, reporter: &dyn Reporter) {
    let id = file.id.clone();
    let in_manifest = file.build.as_ref();
    let Some(command) = command.or(in_manifest.map(|build| build.command.as_str())) else {
        return reporter.notice(Notice::NoBuildCommand { id });
    };
    reporter.notice(Notice::Building {
        id: id.clone(),
        command: command.to_owned(),
    });
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // `workdir` is empty if the manifest is in the working directory.
    if let Some(build) = in_manifest.filter(|build| build.workdir != Path::new("")) {
        shell.current_dir(&build.workdir);
    }
    let reason = match shell.status().await {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    reporter.notice(Notice::BuildFailed { id, reason });
}

/// Loads a changed file into every application that uses it.
async fn reload(apps: &RebuiltApps, source: &Path, id: &str, reporter: &dyn Reporter) {
    for (app, loaded) in apps.iter().filter(|(app, _)| uses_file(app, source)) {
        let (app, loaded) = (app.clone(), Arc::clone(loaded));
        let id = id.to_owned();
        match tokio::task::spawn_blocking(move || loaded.reload(&app)).await {
            Ok(Ok(())) => reporter.notice(Notice::Reloaded { id }),
            Ok(Err(error)) => reporter.notice(Notice::ReloadFailed { id, error }),
            Err(error) => tracing::error!(%error, "the thread that reloads a component failed"),
        }
    }
}

/// True if a component of the application, or a dependency that is composed into such a component, is loaded from this file.
fn uses_file(app: &App, source: &Path) -> bool {
    app.components.values().any(|component| {
        let mut dependencies = component.dependencies.iter();
        component.source == source
            || dependencies.any(|dependency| {
                matches!(&dependency.source, DependencySource::Path(path) if path == source)
            })
    })
}

/// The modification time of a file.
fn modified_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The modification time of the newest source file from which a .wasm file is built. The source files are listed in the dependency
/// file, which cargo writes beside the .wasm file. Source files in cargo's registry are skipped, because they do not change.
fn newest_source(wasm: &Path) -> Option<SystemTime> {
    let list = std::fs::read_to_string(wasm.with_extension("d")).ok()?;
    let (_, sources) = list.lines().next()?.split_once(": ")?;
    let is_in_registry =
        |path: &PathBuf| path.components().any(|part| part.as_os_str() == "registry");
    let own_sources = sources
        .split(' ')
        .map(PathBuf::from)
        .filter(|path| !is_in_registry(path));
    own_sources.filter_map(|path| modified_at(&path)).max()
}
