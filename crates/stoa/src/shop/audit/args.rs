//! The command line of `stoa audit`.

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
It only reads, as the operator. Orders that move meanwhile are not in breach: a suspect is read again. Exits with 0 if there is \
no breach, with 1 if there is one, and with 65 or 69 if something cannot be read, since then there is no verdict. With --every \
it exits at Ctrl-C: with 1 if any audit found a breach, with 65 or 69 if there was no verdict, or the last audit had none.

Examples:
  stoa audit                                       the shop that runs in .stoa
  stoa audit --operator http://127.0.0.1:8081 --json
  stoa audit --metrics /var/lib/node-exporter/stoa.prom
  stoa audit --every 30s --listen 127.0.0.1:9100   again and again")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,

    /// Operator's address, at which everything may be read [default: that of the shop in the state folder]
    #[arg(long, value_name = "URL", conflicts_with = "state_dir")]
    pub(crate) operator: Option<String>,

    /// Do not compare the shop's books with the card processor's ledger and the carrier's book, even if they exist
    #[arg(long)]
    pub(crate) without_third_parties: bool,

    /// Manifest of the shop: its settings for order limit how long an order may be pending [default: the manifest of the shop in
    /// the state folder; with --operator, order's default settings]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,

    /// Longest time that an order may be pending [default: derived from order's max_pending_seconds and order_lease_seconds]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) stuck_after: Option<Duration>,

    /// Longest time that an event or a message may wait; the default is longer than the time in which a message is retried
    #[arg(long, value_name = "DURATION", default_value_t = Options::UNDELIVERED_AFTER.into(), value_parser = printable)]
    pub(crate) undelivered_after: humantime::Duration,

    /// Pause before a suspected breach is checked again
    #[arg(long, value_name = "DURATION", default_value_t = Options::LOOK_AGAIN_AFTER.into(), value_parser = printable)]
    pub(crate) look_again_after: humantime::Duration,

    /// Print the verdict as JSON; with --every, one line per audit
    #[arg(long)]
    pub(crate) json: bool,

    /// Write metrics for Prometheus to this file, atomically; - prints them instead of the verdict
    #[arg(long, value_name = "FILE|-")]
    pub(crate) metrics: Option<PathBuf>,

    /// Repeat the audit at this interval
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) every: Option<Duration>,

    /// Serve /metrics at this address meanwhile; port 0 selects any free port
    #[arg(long, value_name = "ADDRESS", requires = "every")]
    pub(crate) listen: Option<SocketAddr>,
}

impl AuditArgs {
    /// Whether only metrics go to stdout.
    pub(crate) fn prints_metrics(&self) -> bool {
        self.metrics.as_deref() == Some(Path::new("-"))
    }
}

/// Parses a duration into a type whose default `--help` can print.
fn printable(text: &str) -> Result<humantime::Duration, BadDuration> {
    duration(text).map(humantime::Duration::from)
}
