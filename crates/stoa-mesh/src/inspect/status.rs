//! Shows the state of all Envoys.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::certificate::identity_certificate;
use super::envoy::Envoy;
use super::error::InspectError;
use super::rejections::rejection_reasons;
use super::subscriptions::{KindState, SYNC_STATS_PATH, SyncState, kind_states};
use super::table::{Table, or_dash};
use super::value::{pretty, text};

/// A table of the states of all Envoys, with one line per Envoy. Below the table, the text shows why Envoys rejected configuration,
/// and an error for each Envoy that does not answer.
///
/// # Errors
/// If an Envoy's response is not in Envoy's format.
pub async fn status(envoys: &[Envoy], as_json: bool) -> Result<String, InspectError> {
    let mut reading = JoinSet::new();
    for (index, envoy) in envoys.iter().enumerate() {
        let envoy = envoy.clone();
        reading.spawn(async move { (index, Report::read(&envoy).await) });
    }
    let mut reports = reading.join_all().await;
    reports.sort_by_key(|(index, _)| *index);
    let mut table = Table::new([
        "NAME",
        "STATE",
        "VERSION",
        "CDS",
        "LDS",
        "EDS",
        "RDS",
        "ECDS",
        "CERTIFICATE",
        "VALID FOR",
        "RUNS FOR",
    ]);
    let mut all_notes = Vec::new();
    for (envoy, (_, report)) in envoys.iter().zip(reports) {
        let mut notes = String::new();
        let report = report.unwrap_or_else(|error| {
            notes.push_str(&format!("\n{error}\n"));
            Report::silent()
        });
        let count = report
            .kinds
            .values()
            .filter(|kind| kind.state == SyncState::Rejected)
            .count();
        if count > 0 {
            notes.push_str(&format!(
                "\n{} keeps its previous configuration, because it rejected:\n",
                envoy.name
            ));
            for (kind, found) in &report.kinds {
                for name in &found.rejected {
                    notes.push_str(&format!("  {kind} {name}\n"));
                }
            }
            let rejected = report.kinds.values().map(|kind| kind.rejected.len()).sum();
            for reason in rejection_reasons(&envoy.log, rejected) {
                notes.push_str(&format!("  {reason}\n"));
            }
            notes.push_str(&format!("  (from {})\n", envoy.log.display()));
        }
        let cell = |kind| {
            report
                .kinds
                .get(kind)
                .map(KindState::describe)
                .unwrap_or_default()
        };
        let [cds, lds, eds, rds, ecds] =
            ["CDS", "LDS", "EDS", "RDS", "ECDS"].map(cell).map(or_dash);
        table.row([
            envoy.name.clone(),
            report.state,
            or_dash(report.version),
            cds,
            lds,
            eds,
            rds,
            ecds,
            or_dash(report.serial),
            or_dash(report.remaining),
            or_dash(report.age),
        ]);
        all_notes.push(notes);
    }
    if as_json {
        let mut objects = table.objects();
        for (object, note) in objects.iter_mut().zip(all_notes) {
            let note = Some(note.trim()).filter(|note| !note.is_empty());
            object.insert("note".to_owned(), note.into());
        }
        return Ok(pretty(&objects));
    }
    Ok(table.or("this mesh has no Envoys") + &all_notes.concat())
}

/// The values in the table's line for one Envoy, including the state of each kind of the Envoy's configuration.
struct Report {
    state: String,
    version: String,
    kinds: BTreeMap<&'static str, KindState>,
    serial: String,
    remaining: String,
    /// Time since the Envoy's last start.
    age: String,
}

impl Report {
    fn silent() -> Self {
        Self {
            state: "NOT ANSWERING".to_owned(),
            version: String::new(),
            kinds: BTreeMap::new(),
            serial: String::new(),
            remaining: String::new(),
            age: String::new(),
        }
    }

    async fn read(envoy: &Envoy) -> Result<Self, InspectError> {
        let (info, stats, certificates) = tokio::try_join!(
            envoy.json_for_overview("/server_info"),
            envoy.get_for_overview(SYNC_STATS_PATH),
            envoy.json_for_overview("/certs"),
        )?;
        let (serial, remaining) = identity_certificate(&certificates).unwrap_or_default();
        let version = text(&info, "/version")
            .split('/')
            .nth(1)
            .unwrap_or_default();
        Ok(Self {
            state: text(&info, "/state").to_owned(),
            version: version.to_owned(),
            kinds: kind_states(&stats, &envoy.files),
            serial,
            remaining,
            age: text(&info, "/uptime_current_epoch").to_owned(),
        })
    }
}
