//! The command `stoa load`: simulates customers of a running shop. The crate shop-load has the customers' behavior.

mod args;

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::path::Path;

use shop_load::{Bar, Ended, OrderRecord, Plan, Report, RestockError, RunError, Stop, Target};

pub(crate) use args::LoadArgs;

use crate::exit::{Code, Failure};
use crate::output::print;
use stoa_up::{Run, Signals};

/// Runs the command.
pub(crate) fn run(arguments: &LoadArgs) -> Result<(), Failure> {
    let target = match &arguments.target {
        Some(target) => target.clone(),
        None => shop_address(&arguments.state_dir, "--target", |run| run.gateway)?,
    };
    let plan = arguments.plan(target);
    // The file for the orders is created before the load begins. So an error of this file ends the command before it sends any
    // load.
    let orders = arguments.orders.as_deref().map(create).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::io(&error, Code::Unavailable, "cannot start the async runtime")
        })?;
    let report = runtime.block_on(load(arguments, &plan))?;
    if let (Some(file), Some(path)) = (orders, &arguments.orders) {
        write(file, &report.book)
            .map_err(|error| Failure::io(&error, Code::Io, path.display().to_string()))?;
    }
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|error| {
            Failure::new(
                Code::Internal,
                format!("cannot write the report as JSON: {error}"),
            )
        })? + "\n"
    } else {
        shop_load::table(&report)
    };
    print(&text)?;
    verdict(&report, arguments.max_failures)
}

async fn load(arguments: &LoadArgs, plan: &Plan) -> Result<Report, Failure> {
    let mut signals = Signals::listen()?;
    if let Some(at_least) = arguments.stock {
        let operator = match &arguments.operator {
            Some(operator) => operator.clone(),
            None => shop_address(&arguments.state_dir, "--operator", |run| run.operator)?,
        };
        tokio::select! {
            stocked = shop_load::restock(&operator, at_least, plan.timeout) => stocked.map_err(|error| stock_failure(&error))?,
            () = signals.next_signal() => return Err(failure(&RunError::Stopped)),
        };
    }
    let stop = Stop::default();
    let mut bar = Bar::new(std::io::stderr().is_terminal());
    let report = {
        let mut report_progress = |progress: &shop_load::Progress| bar.show(progress);
        let running = shop_load::run(plan, &mut report_progress, &stop);
        tokio::pin!(running);
        let mut stopping = false;
        loop {
            tokio::select! {
                report = &mut running => break report,
                () = signals.next_signal() => {
                    if stopping {
                        stop.at_once();
                    } else {
                        stop.gently();
                    }
                    stopping = true;
                }
            }
        }
    };
    bar.finish();
    report.map_err(|error| failure(&error))
}

/// Returns one of the addresses of the shop that runs with this state folder. `address` selects the address.
fn shop_address(
    state_dir: &Path,
    flag: &str,
    address: impl Fn(Run) -> String,
) -> Result<Target, Failure> {
    let alternative = format!("select a running shop with --state-dir or {flag}");
    let run = Run::find(state_dir, &alternative)?;
    address(run)
        .parse()
        .map_err(|error| Failure::new(Code::Data, format!("run.json: invalid address: {error}")))
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| {
        let subject = format!("cannot create {} (--orders)", path.display());
        Failure::io(&error, Code::CannotCreate, subject)
    })
}

fn write(file: File, orders: &[OrderRecord]) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    for order in orders {
        serde_json::to_writer(&mut file, order)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

fn verdict(report: &Report, max_failures: f64) -> Result<(), Failure> {
    let (wrong, failed) = (report.wrong_count(), report.failed_share());
    if wrong > 0 {
        let text = format!("{wrong} responses were wrong");
        return Err(Failure::new(Code::Verdict, text));
    }
    if failed > max_failures {
        let text = format!(
            "{:.2}% of the requests failed, more than {:.2}% (--max-failures)",
            failed * 100.0,
            max_failures * 100.0
        );
        return Err(Failure::new(Code::Verdict, text));
    }
    if report.ended == Ended::StoppedAtOnce {
        return Err(Failure::new(
            Code::Interrupted,
            "stopped at once; requests in flight were canceled",
        ));
    }
    Ok(())
}

fn failure(error: &RunError) -> Failure {
    let code = match error {
        RunError::Plan(_) => Code::Usage,
        RunError::NoShop { .. } | RunError::NothingToBuy { .. } | RunError::Tls(_) => {
            Code::Unavailable
        }
        RunError::Stopped => Code::Interrupted,
        RunError::Histogram(_) | RunError::Customer(_) => Code::Internal,
    };
    Failure::new(code, error.to_string())
}

fn stock_failure(error: &RestockError) -> Failure {
    Failure::new(Code::Unavailable, format!("--stock: {error}"))
}
