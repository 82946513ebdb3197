//! Waits until the Envoys have their configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::MeshError;
use super::shared::Shared;
use crate::admin::Admin;
use crate::envoy::Supervised;

/// Poll interval while Envoys start. They answer from memory, so a poll is cheap.
const ADMIN_POLL_INTERVAL: Duration = Duration::from_millis(25);
/// The counters of resources that an Envoy rejected.
const REJECTED: &str = "/stats?filter=(update_rejected|update_failure|config_fail)$";

/// Waits until every Envoy has its configuration and listens, and has rejected nothing.
pub(super) async fn wait(
    shared: &Shared,
    envoys: &BTreeMap<String, Supervised>,
    limit: Duration,
) -> Result<(), MeshError> {
    let all = shared.proxies().into_iter();
    let named: Vec<_> = all
        .map(|(workload, admin)| (workload.name(), admin))
        .collect();
    let mut waiting = named.clone();
    let all = async {
        loop {
            let mut late = Vec::new();
            for (name, admin) in waiting.drain(..) {
                if !admin.is_ready().await {
                    ends_at_its_start(shared, envoys, &name)?;
                    late.push((name, admin));
                }
            }
            waiting = late;
            if waiting.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(ADMIN_POLL_INTERVAL).await;
        }
    };
    let ready = tokio::time::timeout(limit, all).await;
    ready.unwrap_or_else(|_| {
        let names: Vec<_> = waiting.into_iter().map(|(name, _)| name).collect();
        let names = names.join(", ");
        let logs = shared.options.logs.display();
        Err(MeshError::Late(limit, format!("{names}; see {logs}")))
    })?;
    for (name, admin) in named {
        if let Some(stat) = rejected(&admin).await {
            let log = shared.log(&name);
            let envoy = name;
            return Err(MeshError::Rejected { envoy, stat, log });
        }
    }
    Ok(())
}

fn ends_at_its_start(
    shared: &Shared,
    envoys: &BTreeMap<String, Supervised>,
    name: &str,
) -> Result<(), MeshError> {
    let short = envoys.get(name).and_then(Supervised::short_lives);
    short.map_or(Ok(()), |how| {
        Err(MeshError::Ends {
            envoy: name.to_owned(),
            program: shared.options.envoy.clone(),
            how,
            log: shared.log(name),
        })
    })
}

/// The first counter of rejected resources that is not 0.
async fn rejected(admin: &Admin) -> Option<String> {
    let stats = admin.get(REJECTED).await.ok()?;
    let counted = stats.lines().find(|line| !line.ends_with(": 0"));
    counted.map(str::to_owned).filter(|line| !line.is_empty())
}
