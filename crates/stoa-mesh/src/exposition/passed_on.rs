//! Envoys' families, passed on to the page as text. Prometheus' client renders this program's own metrics, but it cannot include text
//! that another program rendered. It would also add `_total` to Envoy's counters, which do not have it.

use std::collections::BTreeMap;

use super::help::help;
use super::sample::write_sample;

/// By family name: the type from `# TYPE`, and the samples. Prometheus 3.16 accepts a second `# TYPE` line for a name;
/// `promtool check metrics` and other strict parsers reject it.
#[derive(Default)]
pub(super) struct PassedOn(BTreeMap<String, (String, String)>);

impl PassedOn {
    /// Adds an Envoy's page; every sample gets these labels too.
    pub(super) fn read(&mut self, page: &str, labels: &str) {
        let (mut name, mut kind, mut samples) = ("", "", String::new());
        for line in page.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                self.add(name, kind, &mut samples);
                (name, kind) = family.split_once(' ').unwrap_or((family, "untyped"));
            } else if !line.is_empty() && !line.starts_with('#') {
                write_sample(line, labels, &mut samples);
            }
        }
        self.add(name, kind, &mut samples);
    }

    fn add(&mut self, name: &str, kind: &str, samples: &mut String) {
        if samples.is_empty() {
            return;
        }
        let new = || (kind.to_owned(), String::new());
        let family = self.0.entry(name.to_owned()).or_insert_with(new);
        // A name has one type: the first one wins.
        if family.0 == kind {
            family.1.push_str(samples);
        }
        samples.clear();
    }

    /// The families, sorted by name, without those that the page `own` already has.
    pub(super) fn text(&self, own: &str) -> String {
        let types = own.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let taken: Vec<_> = types.filter_map(|line| line.split(' ').next()).collect();
        let length =
            |(name, (_, samples)): (&String, &(String, String))| name.len() + samples.len() + 32;
        let mut text = String::with_capacity(self.0.iter().map(length).sum());
        let families = self.0.iter();
        for (name, (kind, samples)) in families.filter(|(name, _)| !taken.contains(&name.as_str()))
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
        let mut page = PassedOn::default();
        for (number, text) in pages.iter().enumerate() {
            page.read(text, &format!("pod=\"{number}\""));
        }
        page.text("")
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

    #[test]
    fn a_family_that_this_program_counts_is_not_passed_on() {
        let mut page = PassedOn::default();
        page.read(
            "# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 2\n",
            "pod=\"0\"",
        );
        let own = "# HELP a_total Says something.\n# TYPE a_total counter\na_total 7\n";
        assert_eq!(page.text(own), "# TYPE b gauge\nb{pod=\"0\"} 2\n");
    }
}
