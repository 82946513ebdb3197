//! One page with the statistics of all Envoys and Istio's standard metrics, in Prometheus' text format (0.0.4).
//!
//! - this file: the page.
//! - `metrics/families.rs` and `exposition/envoys.rs`: this program's own metrics, rendered by Prometheus' client.
//! - `exposition/scrape.rs`: what is read from an Envoy; `exposition/passed_on.rs`, `exposition/sample.rs`: its own families, passed on
//!   with more labels; `exposition/help.rs`: the meaning of these families.

mod envoys;
mod help;
mod passed_on;
mod sample;
mod scrape;

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use crate::compiled::Workload;
use crate::metrics::Metrics;
use envoys::{Answered, EnvoyLabels, EnvoyReport, EnvoyReports};
use passed_on::PassedOn;
pub use scrape::ScrapeTarget;

/// The page's media type. Not OpenMetrics: it requires counters to end with `_total`, and Envoy's do not.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Reads every Envoy's statistics, and writes the page. An Envoy that does not answer within `limit` is reported as down. This is not
/// an error: the page has all the others.
pub async fn exposition(metrics: &Metrics, targets: &[ScrapeTarget], limit: Duration) -> String {
    let mut scraping = JoinSet::new();
    for target in targets.iter().cloned() {
        scraping.spawn(async move {
            let scraped = target.scrape(limit).await;
            (labels(&target.workload), target.restarts(), scraped)
        });
    }
    let mut answers = scraping.join_all().await;
    answers.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let (mut reports, mut passed_on) = (Vec::new(), PassedOn::default());
    for (labels, restarts, scraped) in answers {
        let answered = scraped.map(|scraped| {
            let text = label_text(&labels);
            passed_on.read(&scraped.used, &text);
            passed_on.read(&scraped.unused(), &text);
            Answered {
                rejected: scraped.rejected(),
                expiries: scraped.expiries(),
            }
        });
        reports.push(EnvoyReport {
            labels,
            restarts,
            answered,
        });
    }
    let own = render(vec![
        Box::new(metrics.families()),
        Box::new(EnvoyReports(reports)),
    ]);
    let passed_on = passed_on.text(&own);
    own + &passed_on
}

/// The page of this program's own metrics.
pub(crate) fn render(collectors: Vec<Box<dyn Collector>>) -> String {
    let mut registry = Registry::default();
    for collector in collectors {
        registry.register_collector(collector);
    }
    let mut page = String::new();
    // Writing to a String does not fail, and the collectors do not return errors of their own.
    let written = prometheus_text::encode(&mut page, &registry);
    debug_assert!(written.is_ok(), "{written:?}");
    page
}

fn labels(workload: &Workload) -> EnvoyLabels {
    vec![
        ("workload", workload.owner.clone()),
        ("namespace", workload.namespace.clone()),
        ("pod", workload.pod.clone()),
    ]
}

/// `workload="reviews-v1",namespace="bookinfo"`: Kubernetes names need no escaping.
fn label_text(labels: &EnvoyLabels) -> String {
    let each = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""));
    each.collect::<Vec<_>>().join(",")
}
