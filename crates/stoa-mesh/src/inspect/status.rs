//! The state of all Envoys.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::certificate::certificate;
use super::envoy::Envoy;
use super::error::InspectError;
use super::refused::reasons;
use super::subscriptions::{Kind, STATS, State, kinds};
use super::table::{Table, or_dash};
use super::value::{pretty, text};

/// One line per Envoy, and the reasons for rejected configuration below the table. An Envoy that does not answer is shown as such.
///
/// # Errors
/// If an Envoy's response is not in Envoy's format.
pub async fn status(envoys: &[Envoy], as_json: bool) -> Result<String, InspectError> {
    let mut reading = JoinSet::new();
    for (place, envoy) in envoys.iter().enumerate() {
        let envoy = envoy.clone();
        reading.spawn(async move { (place, Report::of(&envoy).await) });
    }
    let mut reports = reading.join_all().await;
    reports.sort_by_key(|(place, _)| *place);
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
            .filter(|kind| kind.state == State::Rejected)
            .count();
        if count > 0 {
            notes.push_str(&format!(
                "\n{} keeps what it had, and refused:\n",
                envoy.name
            ));
            for (kind, found) in &report.kinds {
                for name in &found.rejected {
                    notes.push_str(&format!("  {kind} {name}\n"));
                }
            }
            let rejected = report.kinds.values().map(|kind| kind.rejected.len()).sum();
            for reason in reasons(&envoy.log, rejected) {
                notes.push_str(&format!("  {reason}\n"));
            }
            notes.push_str(&format!("  (from {})\n", envoy.log.display()));
        }
        let cell = |kind| {
            report
                .kinds
                .get(kind)
                .map(Kind::describe)
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
    Ok(table.or("there are no Envoys") + &all_notes.concat())
}

/// The report of one Envoy.
struct Report {
    state: String,
    version: String,
    kinds: BTreeMap<&'static str, Kind>,
    serial: String,
    remaining: String,
    /// Time since the last start.
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

    async fn of(envoy: &Envoy) -> Result<Self, InspectError> {
        let (info, stats, certificates) = tokio::try_join!(
            envoy.json_soon("/server_info"),
            envoy.get_soon(STATS),
            envoy.json_soon("/certs"),
        )?;
        let (serial, remaining) = certificate(&certificates).unwrap_or_default();
        let version = text(&info, "/version")
            .split('/')
            .nth(1)
            .unwrap_or_default();
        Ok(Self {
            state: text(&info, "/state").to_owned(),
            version: version.to_owned(),
            kinds: kinds(&stats, &envoy.files),
            serial,
            remaining,
            age: text(&info, "/uptime_current_epoch").to_owned(),
        })
    }
}
