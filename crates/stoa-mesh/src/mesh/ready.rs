//! Waits until the Envoys have applied their configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::MeshError;
use super::shared::Shared;
use crate::admin::Admin;
use crate::envoy::Supervised;

/// Poll interval while Envoys start. An Envoy answers from memory, so a poll is cheap.
const ADMIN_POLL_INTERVAL: Duration = Duration::from_millis(25);
/// The path of a request for the counters of rejected resources.
const REJECTION_STATS_PATH: &str = "/stats?filter=(update_rejected|update_failure|config_fail)$";

/// Waits until every Envoy has applied its configuration and accepts connections. Fails if an Envoy has rejected a resource.
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
                    check_start(shared, envoys, &name)?;
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
        Err(MeshError::NotReady {
            limit,
            envoys: names.join(", "),
            logs: shared.options.logs.clone(),
        })
    })?;
    for (name, admin) in named {
        if let Some(stat) = first_rejection(&admin).await {
            let log = shared.log(&name);
            let envoy = name;
            return Err(MeshError::Rejected { envoy, stat, log });
        }
    }
    Ok(())
}

/// Fails if this workload's Envoy repeatedly ends right after its start.
fn check_start(
    shared: &Shared,
    envoys: &BTreeMap<String, Supervised>,
    name: &str,
) -> Result<(), MeshError> {
    let failed_start = envoys.get(name).and_then(Supervised::failed_start);
    failed_start.map_or(Ok(()), |how| {
        Err(MeshError::EndsAtStart {
            envoy: name.to_owned(),
            program: shared.options.envoy.clone(),
            how,
            log: shared.log(name),
        })
    })
}

/// The name and the value of the first counter of rejected resources that is not 0. `None` if all these counters are 0.
async fn first_rejection(admin: &Admin) -> Option<String> {
    let stats = admin.get(REJECTION_STATS_PATH).await.ok()?;
    let counted = stats.lines().find(|line| !line.ends_with(": 0"));
    counted.map(str::to_owned).filter(|line| !line.is_empty())
}
