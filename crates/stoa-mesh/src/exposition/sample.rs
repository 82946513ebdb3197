//! Adds labels to one sample of the metrics that an Envoy reports.

/// Writes a sample such as `name{a="b"} 1`, `name{} 1` or `name 1` to `to`, with additional labels.
pub(super) fn write_sample(line: &str, labels: &str, to: &mut String) {
    let (name, rest) = match line.find(['{', ' ']) {
        Some(at) => line.split_at(at),
        None => return,
    };
    to.push_str(name);
    to.push('{');
    to.push_str(labels);
    match rest.strip_prefix('{') {
        // The labels that the sample already has are written after the additional labels. The quoted values may contain any
        // character, and stay unchanged.
        Some(own) => {
            if !own.starts_with('}') {
                to.push(',');
            }
            write_own_labels(own, to);
        }
        None => {
            to.push('}');
            to.push_str(rest);
        }
    }
    to.push('\n');
}

/// Writes `own`, which is the part of the sample after the opening brace: the labels that the sample already has, and the sample's
/// value. If such a label has the same name as an additional label, it gets the prefix `exported_`, as in Prometheus.
fn write_own_labels(own: &str, to: &mut String) {
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
        let end = quoted_length(value);
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

/// The length in bytes of the quoted value at the beginning of `value`, including the closing quote. `value` begins after the
/// opening quote.
fn quoted_length(value: &str) -> usize {
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

    const LABELS: &str = r#"workload="cart-v1",pod="cart-v1-0""#;

    #[track_caller]
    fn assert_written(line: &str, expected: &str) {
        let mut written = String::new();
        write_sample(line, LABELS, &mut written);
        assert_eq!(written, format!("{expected}\n"));
    }

    #[test]
    fn labels_are_added_to_a_sample() {
        assert_written("a 1", r#"a{workload="cart-v1",pod="cart-v1-0"} 1"#);
        assert_written("a{} 1", r#"a{workload="cart-v1",pod="cart-v1-0"} 1"#);
        assert_written(
            r#"a{b="c",le="+Inf"} 1.5e3"#,
            r#"a{workload="cart-v1",pod="cart-v1-0",b="c",le="+Inf"} 1.5e3"#,
        );
    }

    #[test]
    fn a_quoted_value_stays_unchanged() {
        assert_written(
            r#"a{b="}{, pod=\"x\"=\\",c=""} 1"#,
            r#"a{workload="cart-v1",pod="cart-v1-0",b="}{, pod=\"x\"=\\",c=""} 1"#,
        );
    }

    #[test]
    fn a_label_with_the_name_of_an_added_label_is_renamed() {
        assert_written(
            r#"a{pod="p",xpod="q",workload="w"} 1"#,
            r#"a{workload="cart-v1",pod="cart-v1-0",exported_pod="p",xpod="q",exported_workload="w"} 1"#,
        );
    }
}
