//! `stoa audit`: whether what the services of a running shop say agrees. What is checked, and how, is in stoa-audit; here is the
//! command.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use stoa_audit::{
    AuditError, Auditor, Options, Page, Tally, ThirdParties, Verdict, report, serve, summary, watch,
};
use stoa_up::{Run, Signals};
use tokio::net::TcpListener;

use crate::args::{StateArgs, duration};
use crate::exit::{Code, Failure};
use crate::output::print;

/// `stoa audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
It only reads, as the operator. What moves meanwhile is no breach: what looks wrong is looked at again. Ends with 0 where \
nothing is wrong, with 1 where something is, and with 65 or 69 where something cannot be read, for then nothing is known. \
With --every it ends at Ctrl-C: with 1 if any audit found something, with 65 or 69 if there was no verdict, or none at last.

Examples:
  stoa audit                                       the shop that runs in .stoa
  stoa audit --operator http://127.0.0.1:8081 --json
  stoa audit --metrics /var/lib/node-exporter/stoa.prom
  stoa audit --every 30s --listen 127.0.0.1:9100   again and again")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,

    /// Where an operator may read everything [default: what the state folder says]
    #[arg(long, value_name = "URL", conflicts_with = "state_dir")]
    pub(crate) operator: Option<String>,

    /// Do not hold the shop's books against the card processor's ledger and the carrier's book, even if they are there
    #[arg(long)]
    pub(crate) without_third_parties: bool,

    /// How long an order may be pending [default: 960s, order's max_pending_seconds and one lease]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) stuck_after: Option<Duration>,

    /// How long an event or a message may wait [default: 25m, longer than a message is tried]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) undelivered_after: Option<Duration>,

    /// How long after what looks wrong is looked at again [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) look_again_after: Option<Duration>,

    /// Print the verdict as JSON; with --every, a line an audit
    #[arg(long)]
    pub(crate) json: bool,

    /// Write metrics for Prometheus to this file, whole or not at all; - prints them instead of the verdict
    #[arg(long, value_name = "FILE|-")]
    pub(crate) metrics: Option<PathBuf>,

    /// Audit again and again
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) every: Option<Duration>,

    /// Answer /metrics there meanwhile; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", requires = "every")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Runs the command.
pub(crate) fn run(arguments: &AuditArgs) -> Result<(), Failure> {
    let auditor = Auditor::new(options(arguments)?).map_err(|error| failure(&error))?;
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Unavailable, "no threads"))?;
    threads.block_on(async {
        match arguments.every {
            None => once(arguments, auditor).await,
            Some(every) => over_and_over(arguments, auditor, every).await,
        }
    })
}

fn options(arguments: &AuditArgs) -> Result<Options, Failure> {
    let operator = match &arguments.operator {
        Some(operator) => operator.clone(),
        None => operator_of(&arguments.state.state_dir)?,
    };
    let mut options = Options::new(operator);
    if arguments.without_third_parties {
        options.third_parties = ThirdParties::Never;
    }
    for (asked, option) in [
        (arguments.stuck_after, &mut options.stuck_after),
        (arguments.undelivered_after, &mut options.undelivered_after),
        (arguments.look_again_after, &mut options.look_again_after),
    ] {
        *option = asked.unwrap_or(*option);
    }
    Ok(options)
}

fn operator_of(state_dir: &Path) -> Result<String, Failure> {
    let otherwise = "say where it runs (--state-dir) or answers (--operator)";
    Ok(Run::find(state_dir, otherwise)?.operator)
}

async fn once(arguments: &AuditArgs, mut auditor: Auditor) -> Result<(), Failure> {
    let audit = auditor.audit().await;
    let mut tally = Tally::default();
    tally.add(&audit);
    let published = publish(arguments, &tally);
    let said = match &audit {
        Ok(verdict) if arguments.json => {
            json(verdict, serde_json::to_string_pretty).and_then(|text| print(&format!("{text}\n")))
        }
        Ok(verdict) if !prints_metrics(arguments) => print(&report(verdict)),
        _ => Ok(()),
    };
    outweighs(found(&tally, &audit), said.and(published))
}

/// What was found outweighs that it could not be written, which is said beside it.
fn outweighs(found: Result<(), Failure>, written: Result<(), Failure>) -> Result<(), Failure> {
    if let (Err(_), Err(unwritten)) = (&found, &written) {
        note(&unwritten.to_string());
    }
    found.and(written)
}

async fn over_and_over(
    arguments: &AuditArgs,
    mut auditor: Auditor,
    every: Duration,
) -> Result<(), Failure> {
    let page = Page::default();
    if let Some(address) = arguments.listen {
        let taken = |error| {
            let place = format!("{address} (--listen)");
            Failure::io(&error, Code::Unavailable, place)
        };
        let listener = TcpListener::bind(address).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        page.set(Tally::default().text());
        tokio::spawn(serve(listener, page.clone()));
        // What is printed is the verdicts alone: somebody may read them as JSON.
        note(&format!("metrics on http://{address}/metrics"));
    }
    let mut signals = Signals::listen()?;
    let none = "stopped before an audit came to a verdict";
    let mut so_far = Err(Failure::new(Code::Unavailable, none));
    let watched = watch(&mut auditor, every, signals.stop(), |tally, audit| {
        page.set(tally.text());
        so_far = found(tally, audit);
        let published = publish(arguments, tally);
        say(arguments, audit).and(published)
    })
    .await;
    outweighs(so_far, watched.map(|_| ()))
}

/// A line an audit, and what is wrong.
fn say(arguments: &AuditArgs, audit: &Result<Verdict, AuditError>) -> Result<(), Failure> {
    match audit {
        Err(error) => {
            note(&error.to_string());
            Ok(())
        }
        Ok(_) if prints_metrics(arguments) => Ok(()),
        Ok(verdict) if arguments.json => {
            print(&format!("{}\n", json(verdict, serde_json::to_string)?))
        }
        Ok(verdict) if verdict.sound => print(&format!("{}\n", summary(verdict))),
        Ok(verdict) => print(&report(verdict)),
    }
}

/// Beside the verdicts. A closed stderr is no reason to stop.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "stoa: {text}");
}

fn json(
    verdict: &Verdict,
    write: impl Fn(&Verdict) -> serde_json::Result<String>,
) -> Result<String, Failure> {
    write(verdict).map_err(|error| Failure::new(Code::Internal, error.to_string()))
}

fn prints_metrics(arguments: &AuditArgs) -> bool {
    arguments.metrics.as_deref() == Some(Path::new("-"))
}

/// Writes the metrics where they were asked for. Whoever collects the file never sees half of it.
fn publish(arguments: &AuditArgs, tally: &Tally) -> Result<(), Failure> {
    let Some(path) = &arguments.metrics else {
        return Ok(());
    };
    if prints_metrics(arguments) {
        return print(&tally.text());
    }
    let mut new = path.clone().into_os_string();
    new.push(".new");
    fs::write(&new, tally.text())
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| {
            let place = format!("{} (--metrics)", path.display());
            Failure::io(&error, Code::CannotCreate, place)
        })
}

/// What to end with after this audit: a breach of any weighs most, then that this one could not read everything.
fn found(tally: &Tally, audit: &Result<Verdict, AuditError>) -> Result<(), Failure> {
    if tally.has_breach() {
        let message = "the shop is not as it should be: what is in breach is above";
        return Err(Failure::new(Code::Verdict, message));
    }
    audit.as_ref().map(|_| ()).map_err(failure)
}

fn failure(error: &AuditError) -> Failure {
    let code = match error {
        AuditError::Address(_) => Code::Usage,
        AuditError::Nonsense { .. } => Code::Data,
        AuditError::Silent { .. } | AuditError::Refused { .. } => Code::Unavailable,
    };
    Failure::new(code, error.to_string())
}
