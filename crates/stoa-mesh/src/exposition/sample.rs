//! One sample of an Envoy's page, with additional labels.

/// Writes `name{a="b"} 1`, `name{} 1` or `name 1`, with additional labels.
pub(super) fn write_sample(line: &str, labels: &str, to: &mut String) {
    let (name, rest) = match line.find(['{', ' ']) {
        Some(at) => line.split_at(at),
        None => return,
    };
    to.push_str(name);
    to.push('{');
    to.push_str(labels);
    match rest.strip_prefix('{') {
        // Quoted values stay unchanged: they may contain anything.
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

/// Writes the sample's own labels, from behind the opening brace. A label with one of our names gets the prefix `exported_`,
/// as in Prometheus.
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

/// The length of a quoted value, including its closing quote.
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
}
