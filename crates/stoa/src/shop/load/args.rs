//! The arguments of `stoa load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use shop_load::{Load, Plan, Target};

use crate::args::{duration, duration_or_zero};

const HELP: &str = "\
A browsing customer reads the product list, then the next page of the list or the results of a search, and then product pages. \
A buyer also fills a cart, reads the cart, places an order with an Idempotency-Key, and reads the order. Some buyers repeat the \
order, track the parcel or read the inbox. If an order gets no response, or 503, the buyer repeats the order with the same key.

Every response is checked: its members, its sums of money to the cent, the payment and the shipment of a confirmed order, and \
whether a repeat gets the same response. A declined card and an item that is out of stock are not failures.

With --users (closed loop), every customer waits for a response before the next request. With --rate (open loop), customers \
arrive at this rate even if the shop is slow. The latency of a request then begins at the time when the request was due, not when \
it was sent, so that the latency includes the delay of a shop that stalls.

Ctrl-C ends the load, waits for the outcomes of open orders and prints the report. A second Ctrl-C prints the report at once. \
Before customers arrive, while --stock is applied or accounts are created, the first Ctrl-C exits with 130 and without a report.

Examples:
  stoa load                           10 customers for 30 seconds, 20% buy
  stoa load --users 50 --ramp 10s --duration 5m --buyers 50%
  stoa load --rate 20 --duration 1m   20 new customers per second
  stoa load --rate 5 --buyers 100% --stock 100000 --max-failures 0%
  stoa load --target https://shop.example.com --json --seed 42 > report.json

Exit code 1: a response was wrong, or more requests failed than --max-failures allows. `stoa --help` lists the other exit codes.";

/// `stoa load`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct LoadArgs {
    /// URL of the shop [default: the gateway of the shop in the state folder]
    #[arg(long, value_name = "URL", value_parser = target)]
    pub(crate) target: Option<Target>,

    /// State folder of the `stoa up` that runs the shop
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    pub(crate) state_dir: PathBuf,

    /// Closed loop: number of concurrent customers [default: 10]
    #[arg(long, value_name = "NUMBER", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) users: Option<u32>,

    /// Open loop: new customers per second, on average; each customer sends several requests
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    pub(crate) rate: Option<f64>,

    /// Open loop: limit of concurrent customers; further customers wait, and this wait counts as latency
    #[arg(long, value_name = "NUMBER", requires = "rate", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) max_in_flight: u32,

    /// Time in which the load grows from zero to its full size
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration_or_zero)]
    pub(crate) ramp: Duration,

    /// Duration of the load, the ramp included
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// Share of customers who buy
    #[arg(long, value_name = "PERCENT", default_value = "20%", value_parser = share)]
    pub(crate) buyers: f64,

    /// Pause of a customer between two steps, on average
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration_or_zero)]
    pub(crate) think_time: Duration,

    /// Timeout of one request
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,

    /// Time for which a buyer retries an order whose outcome is unknown; after a crash the shop needs a minute to resume orders
    #[arg(long, value_name = "DURATION", default_value = "90s", value_parser = duration_or_zero)]
    pub(crate) give_up: Duration,

    /// Number of accounts to create before the load begins [default: about the number of concurrent buyers]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) accounts: Option<u32>,

    /// Seed of the customers' random arrivals and choices; the report shows the seed [default: random]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    /// Before the load, raise the stock of every product to at least this number, through the operator's address
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) stock: Option<u32>,

    /// Operator's address, for --stock [default: the operator's address of the shop in the state folder]
    #[arg(long, value_name = "URL", requires = "stock", value_parser = target)]
    pub(crate) operator: Option<Target>,

    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Write every attempted order to this file, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub(crate) orders: Option<PathBuf>,

    /// Exit with 1 if more than this share of the requests fails; with 100%, all requests may fail
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share)]
    pub(crate) max_failures: f64,
}

impl LoadArgs {
    /// The plan for the load on the shop at `target`.
    pub(crate) fn plan(&self, target: Target) -> Plan {
        let default = Plan::new(target);
        let load = match (self.rate, self.users) {
            (Some(rate), _) => Load::Open {
                rate,
                max_in_flight: self.max_in_flight,
            },
            (None, Some(users)) => Load::Closed { users },
            (None, None) => default.load,
        };
        Plan {
            load,
            ramp: self.ramp,
            duration: self.duration,
            buyers: self.buyers,
            think_time: self.think_time,
            timeout: self.timeout,
            give_up: self.give_up,
            accounts_wanted: self.accounts,
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
            ..default
        }
    }
}

fn target(text: &str) -> Result<Target, String> {
    text.parse()
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate| (0.01..=10_000.0).contains(rate))
        .ok_or_else(|| "expected customers per second, from 0.01 to 10000".to_owned())
}

/// Parses a percentage into a fraction: `20%` is 0.2.
fn share(text: &str) -> Result<f64, String> {
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|percent| (0.0..=100.0).contains(percent));
    percent
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "expected a percentage from 0% to 100%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_library() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            load: LoadArgs,
        }
        let target = "http://shop.example.com";
        let line = <Line as clap::Parser>::parse_from(["load", "--target", target, "--seed", "0"]);
        let target: Target = target.parse().unwrap();
        assert_eq!(line.load.plan(target.clone()), Plan::new(target));
    }

    #[test]
    fn shares_and_rates_outside_their_range_are_rejected() {
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
    }
}
