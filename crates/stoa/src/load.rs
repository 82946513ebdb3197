//! `stoa load`: customers for a shop that runs. What they do is in stoa-load; here are the command and its words.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use stoa_load::{
    Bar, Ended, Load, OrderRecord, Plan, Report, RestockError, RunError, Stop, Target,
};
use stoa_up::{Run, Signals};

use crate::args::{duration, duration_or_none};
use crate::exit::{Code, Failure};
use crate::output::print;

const HELP: &str = "\
A browser looks: list, next page or search, product pages. A buyer looks too, fills a cart, reads it, orders it with an \
Idempotency-Key, reads the order back; now and then he sends it again, tracks the parcel or reads his inbox. Whoever gets no \
answer to an order, or 503, sends it again with the same key. Every answer is checked: members, sums to the cent, payment and \
shipment of a confirmed order, repeats. A declined card and an empty shelf are outcomes, not failures.

With --users every customer waits for an answer before he goes on. With --rate customers come whether the shop keeps up or \
not, and times count from when a request was due, not from when it was sent: a shop that stalls cannot hide it.

Ctrl-C ends the load, settles what was ordered and reports; a second one reports at once. Before customers come, with --stock \
or while accounts are made, the first one ends it with 130 and no report.

Examples:
  stoa load                           ten users for half a minute, a fifth buy
  stoa load --users 50 --ramp 10s --duration 5m --buyers 50%
  stoa load --rate 20 --duration 1m   20 customers a second, whatever happens
  stoa load --rate 5 --buyers 100% --stock 100000 --max-failures 0%
  stoa load --target https://shop.example.com --json --seed 42 > report.json

Exit codes beside those of stoa: 1 an answer was wrong, or more requests failed than --max-failures allows.";

/// `stoa load`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct LoadArgs {
    /// The shop [default: the gateway of what runs in the state folder]
    #[arg(long, value_name = "URL", value_parser = target)]
    target: Option<Target>,

    /// The state folder of the `stoa up` that runs it
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    state_dir: PathBuf,

    /// Closed loop: so many customers at the same time [default: 10]
    #[arg(long, value_name = "NUMBER", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    users: Option<u32>,

    /// Open loop: so many new customers a second, on average; each asks for several things
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,

    /// Customers of the open loop at the same time; more wait, and that counts
    #[arg(long, value_name = "NUMBER", requires = "rate", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    max_in_flight: u32,

    /// How long the load takes to grow from nothing to all of it
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration_or_none)]
    ramp: Duration,

    /// How long customers come, the ramp included
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    duration: Duration,

    /// The part of journeys that buy
    #[arg(long, value_name = "PERCENT", default_value = "20%", value_parser = share)]
    buyers: f64,

    /// What a customer thinks between two steps, on average
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration_or_none)]
    think_time: Duration,

    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,

    /// How long a buyer who hears nothing of his order repeats it: after a crash the shop needs a minute
    #[arg(long, value_name = "DURATION", default_value = "90s", value_parser = duration_or_none)]
    give_up: Duration,

    /// Accounts made before the load begins [default: about as many as there are buyers at the same time]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    accounts: Option<u32>,

    /// What arrivals and choices follow from; the report says which it was [default: any]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Before the load, have at least this many of every product on hand, through the operator's address
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    stock: Option<u32>,

    /// The operator's address, for --stock [default: that of what runs in the state folder]
    #[arg(long, value_name = "URL", requires = "stock", value_parser = target)]
    operator: Option<Target>,

    /// The report as JSON, on stdout
    #[arg(long)]
    json: bool,

    /// Write every order that was tried to this file, a JSON object a line
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,

    /// End with 1 if more than this part of the requests fails; 100% allows all of them to
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share)]
    max_failures: f64,
}

/// Runs the command.
pub(crate) fn run(arguments: &LoadArgs) -> Result<(), Failure> {
    let plan = plan(arguments)?;
    // Before anything is ordered: a file that cannot be written is known at once.
    let orders = arguments.orders.as_deref().map(create).transpose()?;
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Unavailable, "no threads"))?;
    let report = threads.block_on(load(arguments, &plan))?;
    if let (Some(file), Some(path)) = (orders, &arguments.orders) {
        write(file, &report.book)
            .map_err(|error| Failure::io(&error, Code::Io, path.display().to_string()))?;
    }
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|error| Failure::new(Code::Internal, format!("report: {error}")))? + "\n"
    } else {
        stoa_load::table(&report)
    };
    print(&text)?;
    verdict(&report, arguments.max_failures)
}

async fn load(arguments: &LoadArgs, plan: &Plan) -> Result<Report, Failure> {
    let mut signals = Signals::listen()?;
    if let Some(at_least) = arguments.stock {
        let operator = match &arguments.operator {
            Some(operator) => operator.clone(),
            None => running(&arguments.state_dir, "--operator", |run| run.operator)?,
        };
        tokio::select! {
            stocked = stoa_load::restock(&operator, at_least, plan.timeout) => stocked.map_err(|error| stock_failure(&error))?,
            () = signals.stop() => return Err(failure(&RunError::Stopped)),
        };
    }
    let stop = Stop::default();
    let mut bar = Bar::new(std::io::stderr().is_terminal());
    let report = {
        let mut tell = |progress: &stoa_load::Progress| bar.show(progress);
        let running = stoa_load::run(plan, &mut tell, &stop);
        tokio::pin!(running);
        let mut asked = false;
        loop {
            tokio::select! {
                report = &mut running => break report,
                () = signals.stop() => {
                    if asked {
                        stop.at_once();
                    } else {
                        stop.gently();
                    }
                    asked = true;
                }
            }
        }
    };
    bar.finish();
    report.map_err(|error| failure(&error))
}

fn plan(arguments: &LoadArgs) -> Result<Plan, Failure> {
    let target = match &arguments.target {
        Some(target) => target.clone(),
        None => running(&arguments.state_dir, "--target", |run| run.gateway)?,
    };
    let usual = Plan::new(target);
    let load = match (arguments.rate, arguments.users) {
        (Some(rate), _) => Load::Open {
            rate,
            max_in_flight: arguments.max_in_flight,
        },
        (None, Some(users)) => Load::Closed { users },
        (None, None) => usual.load,
    };
    Ok(Plan {
        load,
        ramp: arguments.ramp,
        duration: arguments.duration,
        buyers: arguments.buyers,
        think_time: arguments.think_time,
        timeout: arguments.timeout,
        give_up: arguments.give_up,
        prepared: arguments.accounts,
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
        ..usual
    })
}

/// An address of what runs in the state folder.
fn running(
    state_dir: &Path,
    flag: &str,
    address: impl Fn(Run) -> String,
) -> Result<Target, Failure> {
    let otherwise = format!("say where the shop is ({flag}, --state-dir)");
    let run = Run::find(state_dir, &otherwise)?;
    address(run)
        .parse()
        .map_err(|fault| Failure::new(Code::Data, format!("run.json: {fault}")))
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| {
        let doing = format!("{} (--orders)", path.display());
        Failure::io(&error, Code::CannotCreate, doing)
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
    let (wrong, failed) = (report.wrong(), report.failed());
    if wrong > 0 {
        let text = format!("{wrong} answers were wrong");
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
            "stopped at once; requests were cut off",
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

fn target(text: &str) -> Result<Target, String> {
    text.parse()
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate| (0.01..=10_000.0).contains(rate))
        .ok_or_else(|| "expected customers a second, 0.01 to 10000".to_owned())
}

/// A percentage, as a part of one.
fn share(text: &str) -> Result<f64, String> {
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|percent| (0.0..=100.0).contains(percent));
    percent
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "expected a percentage, 0% to 100%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_the_library_has_it() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            load: LoadArgs,
        }
        let target = "http://shop.example.com";
        let line = <Line as clap::Parser>::parse_from(["load", "--target", target, "--seed", "0"]);
        let plan = plan(&line.load).unwrap();
        assert_eq!(plan, Plan::new(target.parse().unwrap()));
    }

    #[test]
    fn reads_shares_rates_and_durations() {
        assert_eq!(share("20%"), Ok(0.2));
        assert_eq!(share("0.5%"), Ok(0.005));
        assert_eq!((share("0%"), share("100%")), (Ok(0.0), Ok(1.0)));
        for text in ["", "20", "%", "-1%", "101%", "NaN%", "inf%", "a%"] {
            assert!(share(text).is_err(), "{text}");
        }
        assert_eq!((rate("20"), rate("0.5")), (Ok(20.0), Ok(0.5)));
        for text in ["", "0", "-1", "NaN", "inf", "1e9", "20/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(duration_or_none("0s"), Ok(Duration::ZERO));
        assert_eq!(duration_or_none("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("0s").is_err() && duration_or_none("2").is_err());
    }
}
