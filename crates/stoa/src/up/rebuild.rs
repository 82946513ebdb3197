//! Components that are built again while they run: when a source changes, its component's build command runs; when a .wasm
//! changes, whoever built it, the applications that have it take it from the next request on.

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

use super::stopped;
use crate::log::say;

/// How often it is looked. A save of an editor and the build's own files are seen together as a rule.
const LOOK: Duration = Duration::from_millis(400);

/// A component's file, and what it is made of.
struct Watched {
    id: String,
    build: Option<Build>,
    /// When the newest source was written that a build was started for.
    built_for: Option<SystemTime>,
    /// As it was taken last.
    taken: Option<SystemTime>,
}

/// Watches until `stopping` is closed.
pub(super) fn start(
    apps: Vec<(App, Arc<LoadedApp>)>,
    command: Option<String>,
    stopping: &watch::Receiver<()>,
) -> JoinHandle<()> {
    let stop = stopped(stopping.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = stop => {}
            () = follow(apps, command) => {}
        }
    })
}

async fn follow(apps: Vec<(App, Arc<LoadedApp>)>, command: Option<String>) {
    let mut files = BTreeMap::new();
    for component in apps.iter().flat_map(|(app, _)| app.components.values()) {
        let watched = || Watched {
            id: component.id.clone(),
            build: component.build.clone(),
            built_for: newest_source(&component.source),
            taken: written(&component.source),
        };
        files
            .entry(component.source.clone())
            .or_insert_with(watched);
    }
    say(&format!(
        "watching the sources of {} components",
        files.len()
    ));
    loop {
        tokio::time::sleep(LOOK).await;
        let mut changed = Vec::new();
        for (source, watched) in &mut files {
            let newest = newest_source(source);
            if newest > watched.built_for {
                watched.built_for = newest;
                build(watched, command.as_deref()).await;
            }
            let now = written(source);
            // A file that is being replaced is not there for a moment.
            if now.is_some() && now != watched.taken {
                watched.taken = now;
                changed.push((source.clone(), watched.id.clone()));
            }
        }
        for (source, id) in changed {
            take(&apps, &source, &id).await;
        }
    }
}

async fn build(watched: &Watched, command: Option<&str>) {
    let id = &watched.id;
    let own = watched.build.as_ref();
    let Some(command) = command.or(own.map(|build| build.command.as_str())) else {
        say(&format!(
            "{id} changed, and its manifest does not say how it is built"
        ));
        return;
    };
    say(&format!("{id} changed: {command}"));
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // That of a manifest in this folder is empty.
    if let Some(build) = own.filter(|build| build.workdir != Path::new("")) {
        shell.current_dir(&build.workdir);
    }
    match shell.status().await {
        Ok(status) if status.success() => {}
        Ok(status) => say(&format!(
            "{id} was not built ({status}); the one that runs goes on"
        )),
        Err(error) => say(&format!(
            "{id} was not built ({error}); the one that runs goes on"
        )),
    }
}

async fn take(apps: &[(App, Arc<LoadedApp>)], source: &Path, id: &str) {
    let has = |app: &App| {
        let components = app.components.values();
        components.into_iter().any(|component| {
            component.source == source
                || component.dependencies.iter().any(|dependency| {
                    matches!(&dependency.source, DependencySource::Path(path) if path == source)
                })
        })
    };
    for (app, loaded) in apps.iter().filter(|(app, _)| has(app)) {
        let (app, loaded) = (app.clone(), Arc::clone(loaded));
        let taken = tokio::task::spawn_blocking(move || loaded.reload(&app)).await;
        match taken {
            Ok(Ok(())) => say(&format!("{id} is new from the next request on")),
            Ok(Err(error)) => say(&format!(
                "the new {id} cannot run, and the old one goes on: {error}"
            )),
            Err(error) => tracing::error!(%error, "reload"),
        }
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// When the newest source of a .wasm was written, by the list that cargo writes beside it; sources of others, which lie in cargo's own
/// folder, do not change.
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
