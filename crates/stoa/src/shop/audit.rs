//! `stoa audit`: checks whether the records of a running shop's services agree. shop-audit has the checks; this is the command.

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
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Unavailable, "no threads"))?;
    threads.block_on(async {
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
    weigh(result(&tally, &audit), printed.and(published))
}

async fn repeatedly(
    arguments: &AuditArgs,
    mut auditor: Auditor,
    every: Duration,
) -> Result<(), Failure> {
    let page = Page::default();
    if let Some(address) = arguments.listen {
        let in_use = |error| {
            let place = format!("{address} (--listen)");
            Failure::io(&error, Code::Unavailable, place)
        };
        let listener = TcpListener::bind(address).await.map_err(in_use)?;
        let address = listener.local_addr().map_err(in_use)?;
        page.set(Tally::default().text());
        tokio::spawn(serve(listener, page.clone()));
        // Stdout is only for verdicts: a program may read them as JSON.
        note(&format!("metrics on http://{address}/metrics"));
    }
    let mut signals = Signals::listen()?;
    let none = "stopped before an audit came to a verdict";
    let mut so_far = Err(Failure::new(Code::Unavailable, none));
    let watched = watch(&mut auditor, every, signals.stop(), |tally, audit| {
        page.set(tally.text());
        so_far = result(tally, audit);
        let published = output::publish(arguments, tally);
        output::print_next(arguments, audit).and(published)
    })
    .await;
    weigh(so_far, watched.map(|_| ()))
}

/// The verdict takes precedence over a failure to write it. Such a failure is reported in addition.
fn weigh(verdict: Result<(), Failure>, written: Result<(), Failure>) -> Result<(), Failure> {
    if let (Err(_), Err(unwritten)) = (&verdict, &written) {
        note(&unwritten.to_string());
    }
    verdict.and(written)
}

/// The result so far: a breach in any audit takes precedence, then an error of the last audit.
fn result(tally: &Tally, audit: &Result<Verdict, AuditError>) -> Result<(), Failure> {
    if tally.has_breach() {
        let message = "the shop is not as it should be: the breaches are above";
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
