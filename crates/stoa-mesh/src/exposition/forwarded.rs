//! Adds to the metrics page, as text, the metric families that the Envoys report. This module does not use Prometheus' client
//! library, because this library cannot include text that another program rendered. The library would also add `_total` to the
//! names of Envoy's counters.

use std::collections::BTreeMap;

use super::help::help;
use super::sample::write_sample;

/// The type and the samples of each metric family, by the family's name. All samples of a family must follow a single `# TYPE`
/// line. Prometheus 3.16 accepts a second `# TYPE` line for a family, but `promtool check metrics` and other strict parsers reject
/// such a page.
#[derive(Default)]
pub(super) struct ForwardedFamilies(BTreeMap<String, (String, String)>);

impl ForwardedFamilies {
    /// Adds all metric families of the page that one Envoy returned. Adds `labels` to every sample of these families.
    pub(super) fn add_page(&mut self, page: &str, labels: &str) {
        let (mut name, mut kind, mut samples) = ("", "", String::new());
        for line in page.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                self.add_family(name, kind, &mut samples);
                (name, kind) = family.split_once(' ').unwrap_or((family, "untyped"));
            } else if !line.is_empty() && !line.starts_with('#') {
                write_sample(line, labels, &mut samples);
            }
        }
        self.add_family(name, kind, &mut samples);
    }

    fn add_family(&mut self, name: &str, kind: &str, samples: &mut String) {
        if samples.is_empty() {
            return;
        }
        let new = || (kind.to_owned(), String::new());
        let family = self.0.entry(name.to_owned()).or_insert_with(new);
        // A family must have only one type on the page. If Envoys report different types for a family, the type that the first
        // Envoy reported is used, and samples of the family's other types are dropped.
        if family.0 == kind {
            family.1.push_str(samples);
        }
        samples.clear();
    }

    /// The metric families as text, sorted by name. `own` is the part of the page with this program's own metrics. A family with
    /// the name of a family in `own` is left out.
    pub(super) fn render(&self, own: &str) -> String {
        let types = own.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let own_names: Vec<_> = types.filter_map(|line| line.split(' ').next()).collect();
        let length =
            |(name, (_, samples)): (&String, &(String, String))| name.len() + samples.len() + 32;
        let mut text = String::with_capacity(self.0.iter().map(length).sum());
        let families = self.0.iter();
        for (name, (kind, samples)) in
            families.filter(|(name, _)| !own_names.contains(&name.as_str()))
        {
            if let Some(help) = help(name) {
                text.push_str(&format!("# HELP {name} {help}\n"));
            }
            text.push_str(&format!("# TYPE {name} {kind}\n"));
            text.push_str(samples);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(pages: &[&str]) -> String {
        let mut families = ForwardedFamilies::default();
        for (number, text) in pages.iter().enumerate() {
            families.add_page(text, &format!("pod=\"{number}\""));
        }
        families.render("")
    }

    #[test]
    fn the_samples_of_all_envoys_follow_one_type_line() {
        let one = "# TYPE b counter\nb{x=\"1\"} 1\nb{x=\"2\"} 2\n# TYPE a gauge\na{} 3\n";
        let other =
            "# HELP a Explains a.\n# TYPE a gauge\na{} 4\n\n# TYPE b counter\nb{x=\"1\"} 5\n";
        let expected = "# TYPE a gauge\na{pod=\"0\"} 3\na{pod=\"1\"} 4\n# TYPE b counter\n\
            b{pod=\"0\",x=\"1\"} 1\nb{pod=\"0\",x=\"2\"} 2\nb{pod=\"1\",x=\"1\"} 5\n";
        assert_eq!(page(&[one, other]), expected);
    }

    #[test]
    fn the_samples_of_a_histogram_stay_together() {
        let text = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum{} 1\nh_count{} 1\n";
        let expected = "# TYPE h histogram\nh_bucket{pod=\"0\",le=\"1\"} 1\nh_bucket{pod=\"0\",le=\"+Inf\"} 1\n\
            h_sum{pod=\"0\"} 1\nh_count{pod=\"0\"} 1\n";
        assert_eq!(page(&[text]), expected);
    }

    #[test]
    fn the_first_type_of_a_name_wins() {
        let page = page(&["# TYPE a counter\na 1\n", "# TYPE a gauge\na 2\n"]);
        assert_eq!(page, "# TYPE a counter\na{pod=\"0\"} 1\n");
    }

    #[test]
    fn an_envoys_family_with_the_name_of_an_own_family_is_not_passed_on() {
        let mut families = ForwardedFamilies::default();
        families.add_page(
            "# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 2\n",
            "pod=\"0\"",
        );
        let own = "# HELP a_total Explains a_total.\n# TYPE a_total counter\na_total 7\n";
        assert_eq!(families.render(own), "# TYPE b gauge\nb{pod=\"0\"} 2\n");
    }
}
