//! One page with what all Envoys count and Istio's standard metrics, in Prometheus' text format.
//!
//! `exposition/scrape.rs` has what an Envoy is read for, `exposition/help.rs` what the families mean.

mod help;
mod scrape;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::compiled::Workload;
use crate::metrics::{Metrics, label};
pub use scrape::ScrapeTarget;
use scrape::Scraped;

/// The page's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Whether an Envoy answered; on a cluster, Prometheus says so itself.
const UP: &str = "stoa_envoy_up";
const RESTARTS: &str = "stoa_envoy_restarts_total";
const REJECTED: &str = "stoa_envoy_rejected_updates_total";
const EXPIRY: &str = "stoa_certificate_expiry_timestamp_seconds";

/// Reads every Envoy's statistics, and writes the page. An Envoy that does not answer within `limit` is reported as down, and is no
/// error: the page has all others.
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
    let mut page = Page(metrics.families());
    for (labels, restarts, scraped) in answers {
        let up = u8::from(scraped.is_some());
        page.add(UP, "gauge", &format!("{UP}{{{labels}}} {up}\n"));
        let restarts = format!("{RESTARTS}{{{labels}}} {restarts}\n");
        page.add(RESTARTS, "counter", &restarts);
        if let Some(scraped) = scraped {
            page.add_scraped(&scraped, &labels);
        }
    }
    page.text()
}

fn labels(workload: &Workload) -> String {
    let mut labels = String::new();
    label(&mut labels, "workload", &workload.owner);
    label(&mut labels, "namespace", &workload.namespace);
    label(&mut labels, "pod", &workload.pod);
    labels
}

/// By name: what follows `# TYPE`, and the samples. Prometheus 3.16 accepts a second `# TYPE` line for a name;
/// `promtool check metrics` and other strict parsers reject it.
struct Page(BTreeMap<String, (String, String)>);

impl Page {
    fn add(&mut self, name: &str, kind: &str, samples: &str) {
        let new = || (kind.to_owned(), String::new());
        let family = self.0.entry(name.to_owned()).or_insert_with(new);
        // One name cannot be two things; which of them came first is as good.
        if family.0 == kind {
            family.1.push_str(samples);
        }
    }

    fn add_scraped(&mut self, scraped: &Scraped, labels: &str) {
        self.read(&scraped.used, labels);
        self.read(&scraped.unused(), labels);
        for (kind, count) in scraped.rejected() {
            let sample = format!("{REJECTED}{{{labels},type=\"{kind}\"}} {count}\n");
            self.add(REJECTED, "counter", &sample);
        }
        for (name, expires) in scraped.expiries() {
            let mut labels = labels.to_owned();
            label(&mut labels, "subject", &name);
            let sample = format!("{EXPIRY}{{{labels}}} {expires}\n");
            self.add(EXPIRY, "gauge", &sample);
        }
    }

    /// Adds a page of Envoy's, every sample with these labels too.
    fn read(&mut self, page: &str, labels: &str) {
        let (mut name, mut kind, mut samples) = ("", "", String::new());
        for line in page.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                self.add_some(name, kind, &mut samples);
                (name, kind) = family.split_once(' ').unwrap_or((family, "untyped"));
            } else if !line.is_empty() && !line.starts_with('#') {
                write_sample(line, labels, &mut samples);
            }
        }
        self.add_some(name, kind, &mut samples);
    }

    fn add_some(&mut self, name: &str, kind: &str, samples: &mut String) {
        if !samples.is_empty() {
            self.add(name, kind, samples);
            samples.clear();
        }
    }

    fn text(&self) -> String {
        let length =
            |(name, (_, samples)): (&String, &(String, String))| name.len() + samples.len() + 32;
        let mut text = String::with_capacity(self.0.iter().map(length).sum());
        for (name, (kind, samples)) in &self.0 {
            if let Some(help) = help::help(name) {
                text.push_str(&format!("# HELP {name} {help}\n"));
            }
            text.push_str(&format!("# TYPE {name} {kind}\n"));
            text.push_str(samples);
        }
        text
    }
}

/// `name{a="b"} 1`, `name{} 1` or `name 1`, with more labels.
fn write_sample(line: &str, labels: &str, to: &mut String) {
    let (name, rest) = match line.find(['{', ' ']) {
        Some(at) => line.split_at(at),
        None => return,
    };
    to.push_str(name);
    to.push('{');
    to.push_str(labels);
    match rest.strip_prefix('{') {
        // What is quoted stays as it is: a value may hold anything.
        Some(own) => {
            if !own.starts_with('}') {
                to.push(',');
            }
            write_own(own, to);
        }
        None => {
            to.push('}');
            to.push_str(rest);
        }
    }
    to.push('\n');
}

/// What stands behind the opening brace. A label that is called like one of ours becomes `exported_`, as Prometheus does it.
fn write_own(own: &str, to: &mut String) {
    let mut rest = own;
    while let Some(equals) = rest.find(['=', '}']) {
        let (name, value) = rest.split_at(equals);
        let Some(value) = value.strip_prefix("=\"") else {
            break;
        };
        if matches!(name, "workload" | "namespace" | "pod") {
            to.push_str("exported_");
        }
        to.push_str(name);
        let end = quoted(value);
        let (value, after) = value.split_at(end);
        to.push_str("=\"");
        to.push_str(value);
        rest = match after.strip_prefix(',') {
            Some(next) => {
                to.push(',');
                next
            }
            None => after,
        };
    }
    to.push_str(rest);
}

/// The length of a quoted value, its closing quote included.
fn quoted(value: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r#"workload="cart-v1",pod="cart-v1-0""#;

    fn page(pages: &[&str]) -> String {
        let mut page = Page(BTreeMap::new());
        for (number, text) in pages.iter().enumerate() {
            page.read(text, &format!("pod=\"{number}\""));
        }
        page.text()
    }

    #[track_caller]
    fn sample(line: &str, expected: &str) {
        let mut written = String::new();
        write_sample(line, OWN, &mut written);
        assert_eq!(written, format!("{expected}\n"));
    }

    #[test]
    fn a_sample_has_more_labels_than_before() {
        sample("a 1", r#"a{workload="cart-v1",pod="cart-v1-0"} 1"#);
        sample("a{} 1", r#"a{workload="cart-v1",pod="cart-v1-0"} 1"#);
        sample(
            r#"a{b="c",le="+Inf"} 1.5e3"#,
            r#"a{workload="cart-v1",pod="cart-v1-0",b="c",le="+Inf"} 1.5e3"#,
        );
    }

    #[test]
    fn what_is_quoted_stays_as_it_is() {
        sample(
            r#"a{b="}{, pod=\"x\"=\\",c=""} 1"#,
            r#"a{workload="cart-v1",pod="cart-v1-0",b="}{, pod=\"x\"=\\",c=""} 1"#,
        );
    }

    #[test]
    fn a_label_of_the_same_name_is_kept_under_another() {
        sample(
            r#"a{pod="p",xpod="q",workload="w"} 1"#,
            r#"a{workload="cart-v1",pod="cart-v1-0",exported_pod="p",xpod="q",exported_workload="w"} 1"#,
        );
    }

    #[test]
    fn samples_of_all_envoys_stand_together_below_one_type() {
        let one = "# TYPE b counter\nb{x=\"1\"} 1\nb{x=\"2\"} 2\n# TYPE a gauge\na{} 3\n";
        let other =
            "# HELP a says something\n# TYPE a gauge\na{} 4\n\n# TYPE b counter\nb{x=\"1\"} 5\n";
        let expected = "# TYPE a gauge\na{pod=\"0\"} 3\na{pod=\"1\"} 4\n# TYPE b counter\n\
            b{pod=\"0\",x=\"1\"} 1\nb{pod=\"0\",x=\"2\"} 2\nb{pod=\"1\",x=\"1\"} 5\n";
        assert_eq!(page(&[one, other]), expected);
    }

    #[test]
    fn a_histogram_stays_in_one_piece() {
        let text = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum{} 1\nh_count{} 1\n";
        let expected = "# TYPE h histogram\nh_bucket{pod=\"0\",le=\"1\"} 1\nh_bucket{pod=\"0\",le=\"+Inf\"} 1\n\
            h_sum{pod=\"0\"} 1\nh_count{pod=\"0\"} 1\n";
        assert_eq!(page(&[text]), expected);
    }

    #[test]
    fn a_name_that_is_two_things_is_the_first_of_them() {
        let page = page(&["# TYPE a counter\na 1\n", "# TYPE a gauge\na 2\n"]);
        assert_eq!(page, "# TYPE a counter\na{pod=\"0\"} 1\n");
    }
}
