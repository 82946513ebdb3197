//! The command `stoa audit`: checks whether the records of a running shop's services agree. The crate shop-audit has the checks.

mod args;
mod options;
mod output;

use std::time::Duration;

use shop_audit::{AuditError, Auditor, Page, Tally, Verdict, serve, watch};
use tokio::net::TcpListener;

pub(crate) use args::AuditArgs;

use self::output::note;
use crate::exit::{Code, Failure};
use stoa_up::Signals;

/// Runs the command.
pub(crate) fn run(arguments: &AuditArgs) -> Result<(), Failure> {
    let options = options::options(arguments)?;
    let auditor = Auditor::new(options).map_err(|error| failure(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::io(&error, Code::Unavailable, "cannot start the async runtime")
        })?;
    runtime.block_on(async {
        match arguments.every {
            None => once(arguments, auditor).await,
            Some(every) => repeatedly(arguments, auditor, every).await,
        }
    })
}

async fn once(arguments: &AuditArgs, mut auditor: Auditor) -> Result<(), Failure> {
    let audit = auditor.audit().await;
    let mut tally = Tally::default();
    tally.add(&audit);
    let published = output::publish(arguments, &tally);
    let printed = match &audit {
        Ok(verdict) => output::print(arguments, verdict),
        Err(_) => Ok(()),
    };
    combine(outcome(&tally, &audit), printed.and(published))
}

async fn repeatedly(
    arguments: &AuditArgs,
    mut auditor: Auditor,
    every: Duration,
) -> Result<(), Failure> {
    let page = Page::default();
    if let Some(address) = arguments.listen {
        let in_use = |error| {
            let subject = format!("cannot listen on {address} (--listen)");
            Failure::io(&error, Code::Unavailable, subject)
        };
        let listener = TcpListener::bind(address).await.map_err(in_use)?;
        let address = listener.local_addr().map_err(in_use)?;
        page.set(Tally::default().text());
        tokio::spawn(serve(listener, page.clone()));
        // This note goes to stderr. Only verdicts go to stdout, because a program may read them as JSON.
        note(&format!("metrics are at http://{address}/metrics"));
    }
    let mut signals = Signals::listen()?;
    let no_verdict = "stopped before the first verdict";
    let mut so_far = Err(Failure::new(Code::Unavailable, no_verdict));
    let watched = watch(
        &mut auditor,
        every,
        signals.next_signal(),
        |tally, audit| {
            page.set(tally.text());
            so_far = outcome(tally, audit);
            let published = output::publish(arguments, tally);
            output::print_next(arguments, audit).and(published)
        },
    )
    .await;
    combine(so_far, watched.map(|_| ()))
}

/// Combines the outcome of the audits with the result of writing verdicts and metrics. If both the audits and the writing failed,
/// the write failure is only printed, and the audits determine the exit code.
fn combine(verdict: Result<(), Failure>, written: Result<(), Failure>) -> Result<(), Failure> {
    if let (Err(_), Err(unwritten)) = (&verdict, &written) {
        note(&unwritten.to_string());
    }
    verdict.and(written)
}

/// The outcome of all audits so far: a failure if any audit found a breach, else the error of the last audit.
fn outcome(tally: &Tally, audit: &Result<Verdict, AuditError>) -> Result<(), Failure> {
    if tally.has_breach() {
        let message = "the audit found breaches; the report lists them";
        return Err(Failure::new(Code::Verdict, message));
    }
    audit.as_ref().map(|_| ()).map_err(failure)
}

fn failure(error: &AuditError) -> Failure {
    let code = match error {
        AuditError::Address(_) => Code::Usage,
        AuditError::Invalid { .. } => Code::Data,
        AuditError::NoResponse { .. } | AuditError::Status { .. } => Code::Unavailable,
    };
    Failure::new(code, error.to_string())
}
