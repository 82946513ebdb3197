//! The arguments of `stoa audit`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use shop_audit::Options;

use crate::args::{StateArgs, duration};
use stoa_up::BadDuration;

/// `stoa audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
The audit uses the operator's address and changes nothing. A suspected breach is read again before it is reported, so an order \
that changes during the audit causes no breach.

The exit code is 0 if there is no breach, and 1 if there is a breach. Without a verdict it is 69 (a service \
did not respond, or responded with an error) or 65 (a response has an invalid record). With --every, Ctrl-C ends the audits. The \
exit code is then 1 if any audit found a breach. Otherwise it is that of the last audit, or 69 if no audit was complete.

Examples:
  stoa audit                                       the shop that runs in .stoa
  stoa audit --operator http://127.0.0.1:8081 --json
  stoa audit --metrics /var/lib/node-exporter/stoa.prom
  stoa audit --every 30s --listen 127.0.0.1:9100   an audit every 30 seconds")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,

    /// Operator's address, which serves all reads [default: the operator's address of the shop in the state folder]
    #[arg(long, value_name = "URL", conflicts_with = "state_dir")]
    pub(crate) operator: Option<String>,

    /// Do not compare the shop's records with the card processor's ledger and the carrier's book, even if both are readable
    #[arg(long)]
    pub(crate) without_third_parties: bool,

    /// Manifest of the shop. In it, the settings of the component `order` limit the time that an order may be pending [default: the
    /// manifest of the shop in the state folder; with --operator, the default settings of `order`]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,

    /// Longest time that an order may be pending [default: calculated from the settings max_pending_seconds and order_lease_seconds
    /// of the component `order`]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) stuck_after: Option<Duration>,

    /// Longest time that an event or a message may wait for its delivery; the default is longer than the time for which the shop
    /// retries a message
    #[arg(long, value_name = "DURATION", default_value_t = Options::UNDELIVERED_AFTER.into(), value_parser = printable)]
    pub(crate) undelivered_after: humantime::Duration,

    /// Pause before a suspected breach is checked again
    #[arg(long, value_name = "DURATION", default_value_t = Options::RECHECK_AFTER.into(), value_parser = printable)]
    pub(crate) recheck_after: humantime::Duration,

    /// The name of --recheck-after in release 0.1; release 0.3 rejects this name
    #[arg(long, hide = true, value_parser = printable, conflicts_with = "recheck_after")]
    pub(crate) look_again_after: Option<humantime::Duration>,

    /// Print the verdict as JSON; with --every, one line per audit
    #[arg(long)]
    pub(crate) json: bool,

    /// Write metrics for Prometheus to this file, atomically; the value - prints the metrics to stdout instead of the verdict
    #[arg(long, value_name = "FILE|-")]
    pub(crate) metrics: Option<PathBuf>,

    /// Repeat the audit at this interval
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) every: Option<Duration>,

    /// Serve /metrics at this address while the audits run; port 0 selects any free port
    #[arg(long, value_name = "ADDRESS", requires = "every")]
    pub(crate) listen: Option<SocketAddr>,
}

impl AuditArgs {
    /// True if only metrics, and no verdicts, go to stdout.
    pub(crate) fn prints_metrics(&self) -> bool {
        self.metrics.as_deref() == Some(Path::new("-"))
    }
}

/// Parses a duration into a type that `--help` can print as a default value.
fn printable(text: &str) -> Result<humantime::Duration, BadDuration> {
    duration(text).map(humantime::Duration::from)
}
