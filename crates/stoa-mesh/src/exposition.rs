//! Renders the metrics page in Prometheus' text format (0.0.4). The page contains the statistics of all Envoys, and Istio's
//! standard metrics.
//!
//! - this file: the page.
//! - `metrics/families.rs` and `exposition/envoys.rs`: this program's own metrics, which Prometheus' client renders.
//! - `exposition/scrape.rs`: reads an Envoy's statistics.
//! - `exposition/forwarded.rs` and `exposition/sample.rs`: pass on the metric families that an Envoy itself reports, with more
//!   labels; `exposition/help.rs`: explains these families.

mod envoys;
mod forwarded;
mod help;
mod sample;
mod scrape;

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use crate::compiled::Workload;
use crate::metrics::Metrics;
use envoys::{EnvoyLabels, EnvoyReport, EnvoyReports, ScrapeReport};
use forwarded::ForwardedFamilies;
pub use scrape::ScrapeTarget;

/// The media type of the metrics page. The page is not in the OpenMetrics format, which requires that the names of counters end
/// with `_total`. The names of Envoy's counters do not end with `_total`.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Reads every Envoy's statistics, and renders the metrics page. If an Envoy does not answer within `limit`, the page reports it as
/// down, and still contains the statistics of the other Envoys.
pub async fn exposition(metrics: &Metrics, targets: &[ScrapeTarget], limit: Duration) -> String {
    let mut scraping = JoinSet::new();
    for target in targets.iter().cloned() {
        scraping.spawn(async move {
            let responses = target.scrape(limit).await;
            (labels(&target.workload), target.restarts(), responses)
        });
    }
    let mut scrapes = scraping.join_all().await;
    scrapes.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let (mut reports, mut forwarded) = (Vec::new(), ForwardedFamilies::default());
    for (labels, restarts, responses) in scrapes {
        let scrape = responses.map(|responses| {
            let text = label_text(&labels);
            forwarded.add_page(&responses.used, &text);
            forwarded.add_page(&responses.unused(), &text);
            ScrapeReport {
                rejected: responses.rejected(),
                expiries: responses.expiries(),
            }
        });
        reports.push(EnvoyReport {
            labels,
            restarts,
            scrape,
        });
    }
    let own = render(vec![
        Box::new(metrics.families()),
        Box::new(EnvoyReports(reports)),
    ]);
    let forwarded = forwarded.render(&own);
    own + &forwarded
}

/// Renders this program's own metrics.
pub(crate) fn render(collectors: Vec<Box<dyn Collector>>) -> String {
    let mut registry = Registry::default();
    for collector in collectors {
        registry.register_collector(collector);
    }
    let mut page = String::new();
    // The encoding does not fail, because writing to a String cannot fail, and the collectors return only the errors of their
    // writer.
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

/// The labels of an Envoy as text, such as `workload="reviews-v1",namespace="bookinfo"`. Kubernetes names need no escaping.
fn label_text(labels: &EnvoyLabels) -> String {
    let pairs = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""));
    pairs.collect::<Vec<_>>().join(",")
}
