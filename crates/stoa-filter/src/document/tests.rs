//! Tests of the errors and their paths.

use super::*;

#[derive(Debug, PartialEq, Default)]
struct Pair {
    a: u64,
    b: Vec<String>,
}

fn pair(text: &str) -> Result<Pair, Vec<String>> {
    read(text.as_bytes(), |root| Pair {
        a: root
            .required("a")
            .and_then(|node| node.integer(1..=9))
            .unwrap_or_default(),
        b: root.get("b").map(|node| node.texts()).unwrap_or_default(),
    })
    .map_err(|errors| errors.lines().to_vec())
}

#[test]
fn a_valid_document_is_read_without_errors() {
    let right = Pair {
        a: 3,
        b: vec!["x\n".to_owned()],
    };
    assert_eq!(pair(r#"{"a": 3, "b": ["x\n"]}"#), Ok(right));
    for three in ["3", "3.0", "30e-1"] {
        let text = format!(r#"{{"a": {three}, "b": null}}"#);
        assert_eq!(pair(&text), Ok(Pair { a: 3, b: vec![] }));
    }
}

#[test]
fn all_errors_are_reported_together_with_their_paths() {
    assert_eq!(
        pair(r#"{"a": 10, "b": ["x", "", 7], "c": 1, "a": 1}"#),
        Err(vec![
            "a: 10 is not a whole number from 1 to 9".to_owned(),
            "b[1]: \"\" is not a non-empty string".to_owned(),
            "b[2]: 7 is not a non-empty string".to_owned(),
            "c: unknown member; expected one of a, b".to_owned(),
            "a: given twice".to_owned(),
        ])
    );
    assert_eq!(pair(""), Err(vec!["a: missing".to_owned()]));
    assert_eq!(
        pair("[]"),
        Err(vec!["the document: [] is not an object".to_owned()])
    );
    assert_eq!(
        pair(r#"{"a": 3.5}"#),
        Err(vec!["a: 3.5 is not a whole number from 1 to 9".to_owned()])
    );
}

#[test]
fn the_error_for_invalid_json_contains_its_position() {
    assert_eq!(
        pair("{\"a\": 1,\n x}"),
        Err(vec!["not JSON at line 2, column 2".to_owned()])
    );
    let deep = "[".repeat(100_000);
    assert!(pair(&deep).is_err());
}
