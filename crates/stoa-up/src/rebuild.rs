//! Rebuilds components of a running application. When a source changes, its component's build command runs. When a .wasm file
//! changes, by this build or another one, each application that uses the file loads it for the next request.

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

/// Poll interval for changed files. It is short enough for a waiting person. It is also long enough that an editor's save, or the
/// files of one build, usually count as one change.
const POLL_INTERVAL: Duration = Duration::from_millis(400);

/// The applications whose components are watched.
pub(crate) type Watched = Vec<(App, Arc<LoadedApp>)>;

/// A component's file, and how it is built.
struct ComponentFile {
    id: String,
    build: Option<Build>,
    /// The time of the newest source that a build was started for.
    built_for: Option<SystemTime>,
    /// The modification time of the loaded file.
    loaded: Option<SystemTime>,
}

/// Watches until `stopping` closes.
pub(crate) fn start(
    apps: Watched,
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

async fn follow(apps: Watched, watch: Watch, reporter: &dyn Reporter) {
    let mut files = BTreeMap::new();
    for component in apps.iter().flat_map(|(app, _)| app.components.values()) {
        let file = || ComponentFile {
            id: component.id.clone(),
            build: component.build.clone(),
            built_for: newest_source(&component.source),
            loaded: written(&component.source),
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
            let now = written(source);
            // A file is missing for a moment while it is replaced.
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
    let own = file.build.as_ref();
    let Some(command) = command.or(own.map(|build| build.command.as_str())) else {
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
    // The folder is empty if the manifest is in the working directory.
    if let Some(build) = own.filter(|build| build.workdir != Path::new("")) {
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
async fn reload(apps: &Watched, source: &Path, id: &str, reporter: &dyn Reporter) {
    for (app, loaded) in apps.iter().filter(|(app, _)| has(app, source)) {
        let (app, loaded) = (app.clone(), Arc::clone(loaded));
        let id = id.to_owned();
        match tokio::task::spawn_blocking(move || loaded.reload(&app)).await {
            Ok(Ok(())) => reporter.notice(Notice::Reloaded { id }),
            Ok(Err(error)) => reporter.notice(Notice::ReloadFailed { id, error }),
            Err(error) => tracing::error!(%error, "reload"),
        }
    }
}

/// Whether an application has a component from this file, or one composed with it.
fn has(app: &App, source: &Path) -> bool {
    app.components.values().any(|component| {
        let mut dependencies = component.dependencies.iter();
        component.source == source
            || dependencies.any(|dependency| {
                matches!(&dependency.source, DependencySource::Path(path) if path == source)
            })
    })
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The modification time of the newest source of a .wasm file, from the dependency file that cargo writes beside it. Sources in
/// cargo's registry do not change.
fn newest_source(wasm: &Path) -> Option<SystemTime> {
    let list = std::fs::read_to_string(wasm.with_extension("d")).ok()?;
    let (_, sources) = list.lines().next()?.split_once(": ")?;
    let foreign = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "registry");
    let own = sources
        .split(' ')
        .map(PathBuf::from)
        .filter(|path| !foreign(path));
    own.filter_map(|path| written(&path)).max()
}
