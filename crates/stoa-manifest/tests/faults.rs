//! Tests the errors that manifests cause. Each test checks an error's line, its key, and words of its message.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "test helpers panic to fail a test"
)]

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use stoa_manifest::{App, Errors, LoadOptions, Location, parse};

/// The first six lines of a manifest. A test appends its own lines from line 7.
const HEAD: &str = r#"spin_manifest_version = 2
application = { name = "shop" }
[variables]
host = { default = "http://localhost:1" }
[[trigger.http]]
route = "/cart/..."
"#;

/// Lines 7 to 9 of a manifest. They begin the table `[component.cart]`, and a test appends its own lines from line 10.
const CART: &str = r#"component = "cart"
[component.cart]
source = "cart.wasm"
"#;

fn read(text: &str) -> Result<App, Errors> {
    parse(
        text.as_bytes(),
        Path::new("spin.toml"),
        &LoadOptions::default(),
    )
}

/// Asserts that the manifest has exactly one error, with this line, this key and these words.
#[track_caller]
fn has_one_error(text: &str, line: usize, key: &str, words: &str) {
    let errors = read(text).expect_err(text);
    let [fault] = errors.faults() else {
        panic!("expected one error in\n{text}\ngot\n{errors}")
    };
    assert_eq!(
        fault.location.map(|location| location.line),
        Some(line),
        "{fault}"
    );
    assert_eq!(fault.key, key, "{fault}");
    assert!(fault.message.contains(words), "{fault}: no {words:?}");
}

#[test]
fn errors_in_a_component_have_a_line_and_a_key() {
    for (text, key, words) in [
        (
            "sauce = 1",
            "component.cart.sauce",
            "unknown key; expected one of ai_models, ",
        ),
        (
            "sqlite_databases = \"default\"",
            "component.cart.sqlite_databases",
            "expected an array, found string",
        ),
        (
            "sqlite_databases = [1]",
            "component.cart.sqlite_databases[0]",
            "expected a string, found integer",
        ),
        (
            "key_value_stores = [\"b@d\"]",
            "component.cart.key_value_stores[0]",
            "not a label",
        ),
        (
            "files = [\"a\"]",
            "component.cart.files",
            "not supported by the embedded runtime",
        ),
        (
            "exclude_files = []",
            "component.cart.exclude_files",
            "not supported by the embedded runtime",
        ),
        (
            "ai_models = [\"llama\"]",
            "component.cart.ai_models",
            "not supported by the embedded runtime",
        ),
        (
            "profile.debug.source = \"x\"",
            "component.cart.profile",
            "not supported by the embedded runtime",
        ),
        (
            "allowed_http_hosts = []",
            "component.cart.allowed_http_hosts",
            "use allowed_outbound_hosts",
        ),
        (
            "dependencies_inherit_configuration = false\n\
             dependencies = { \"a:b/c\" = { path = \"x\", inherit_configuration = true } }",
            "component.cart.dependencies_inherit_configuration",
            "cannot be combined with inherit_configuration",
        ),
        (
            "dependencies = { \"a:b/c\" = { path = \"x\", inherit_configuration = [\"secrets\"] } }",
            "component.cart.dependencies.\"a:b/c\".inherit_configuration[0]",
            "\"secrets\" is not a kind of configuration; expected one of ai_models, allowed_outbound_hosts",
        ),
        (
            "dependencies = { \"a:b/c\" = { path = \"x\", inherit_configuration = \"variables\" } }",
            "component.cart.dependencies.\"a:b/c\".inherit_configuration",
            "expected true or false, found string",
        ),
        (
            "dependencies_inherit_configuration = 1",
            "component.cart.dependencies_inherit_configuration",
            "true or false",
        ),
        (
            "environment = { A = 1 }",
            "component.cart.environment.A",
            "expected a string, found integer",
        ),
        (
            "variables = { Bad = \"x\" }",
            "component.cart.variables.Bad",
            "lower_snake_case",
        ),
        (
            "variables = { a_1 = \"x\" }",
            "component.cart.variables.a_1",
            "lower_snake_case",
        ),
        (
            "variables = { a = \"{{ nope }}\" }",
            "component.cart.variables.a",
            "\"nope\" is not declared in [variables]",
        ),
        (
            "variables = { a = \"{{ host\" }",
            "component.cart.variables.a",
            "`{{` without `}}`",
        ),
        (
            "variables = { a = \"{{}}\" }",
            "component.cart.variables.a",
            "without a name",
        ),
        (
            "build = { commnd = \"x\" }",
            "component.cart.build.commnd",
            "unknown key; expected one of command",
        ),
        (
            "dependencies = { \"a:b/c\" = \"1.0\" }",
            "component.cart.dependencies.\"a:b/c\"",
            "from a registry is not supported",
        ),
        (
            "dependencies = { \"a:b/c\" = {} }",
            "component.cart.dependencies.\"a:b/c\"",
            "either `component` or `path`",
        ),
        (
            "dependencies = { \"a b\" = { path = \"x\" } }",
            "component.cart.dependencies.\"a b\"",
            "not an interface",
        ),
        (
            "dependencies = { \"a:b/c@1.0\" = { path = \"x\" } }",
            "component.cart.dependencies.\"a:b/c@1.0\"",
            "not an interface",
        ),
        (
            "dependencies = { \"a:b/c\" = { path = \"x\", export = \"a:b/c@01.0.0\" } }",
            "component.cart.dependencies.\"a:b/c\".export",
            "not an interface",
        ),
        (
            "dependencies = { \"a:b/c\" = { component = \"tax\" } }",
            "component.cart.dependencies.\"a:b/c\".component",
            "\"tax\" is not a component",
        ),
        (
            "dependencies = { \"a:b/c\" = { url = \"x\" } }",
            "component.cart.dependencies.\"a:b/c\".url",
            "not supported",
        ),
        (
            "dependencies = { \"a:b/c\" = { component = \"cart\" } }",
            "",
            "depends on itself",
        ),
    ] {
        let (line, key) = if key.is_empty() {
            (8, "component.cart")
        } else {
            (10, key)
        };
        has_one_error(&format!("{HEAD}{CART}{text}\n"), line, key, words);
    }
}

#[test]
fn a_dependency_with_its_own_configuration_is_rejected() {
    let tax = |own: &str| {
        let text = format!(
            "{HEAD}{CART}dependencies = {{ \"a:b/c\" = {{ component = \"tax\" }} }}\n\
             [component.tax]\nsource = \"tax.wasm\"\n{own}\n"
        );
        has_one_error(
            &text,
            10,
            "component.cart.dependencies.\"a:b/c\".component",
            &format!(
                "\"tax\" cannot be a dependency, because it has its own {}",
                own.split(' ').next().unwrap_or_default()
            ),
        );
    };
    tax("allowed_outbound_hosts = [\"http://a\"]");
    tax("dependencies = { \"a:b/d\" = { path = \"x\" } }");
    tax("environment = { A = \"1\" }");
    tax("key_value_stores = [\"default\"]");
    tax("sqlite_databases = [\"default\"]");
    tax("variables = { a = \"1\" }");
}

#[test]
fn errors_in_hosts_have_a_line_and_a_key() {
    for (host, words) in [
        ("", "empty"),
        ("localhost:80", "no scheme"),
        ("http://a/b", "path"),
        ("http://a:80/b", "path"),
        ("http://a:eighty", "invalid port"),
        ("http://a:70000", "invalid port"),
        ("http://a:90..80", "invalid port"),
        ("tcp://a", "no port"),
        ("*://a", "no port"),
        ("ht-tp://a", "scheme"),
        ("http://*a", "host"),
        ("http://a.*.b", "host"),
        ("http://:80", "host"),
        ("http://10.0.0.0/99:80", "path"),
        ("http://self", "`self`"),
        ("http://*.cart.spin.internal", "does not name a component"),
        (
            "http://basket.spin.internal",
            "\"basket\" is not a component",
        ),
        ("{{ host }}/v1", "resolves to an invalid value"),
        ("{{ port }}", "\"port\" is not declared"),
    ] {
        let text = format!(
            "{HEAD}{CART}allowed_outbound_hosts = [\n  \"https://fine.example\",\n  \"{host}\",\n]\n"
        );
        has_one_error(&text, 12, "component.cart.allowed_outbound_hosts[1]", words);
    }
}

#[test]
fn errors_in_a_trigger_have_a_line_and_a_key() {
    let with = |trigger: &str| format!("{HEAD}{CART}[[trigger.http]]\n{trigger}\n");
    for (trigger, line, key, words) in [
        ("route = \"/a\"", 10, "trigger.http[1].component", "missing"),
        (
            "component = \"cart\"",
            10,
            "trigger.http[1].route",
            "missing",
        ),
        (
            "route = \"a\"\ncomponent = \"cart\"",
            11,
            "trigger.http[1].route",
            "does not begin with `/`",
        ),
        (
            "route = \"/.../a\"\ncomponent = \"cart\"",
            11,
            "trigger.http[1].route",
            "before its end",
        ),
        (
            "route = \"/cart/...\"\ncomponent = \"cart\"",
            11,
            "trigger.http[1].route",
            "matches the same requests",
        ),
        (
            "route = \"/cart/:id/...\"\ncomponent = \"cart\"\n\
             [[trigger.http]]\nroute = \"/cart/:name/...\"\ncomponent = \"cart\"",
            14,
            "trigger.http[2].route",
            "matches the same requests",
        ),
        (
            "route = \"/a/*\"\ncomponent = \"cart\"",
            11,
            "trigger.http[1].route",
            "the character '*'",
        ),
        (
            "route = { private = false }\ncomponent = \"cart\"",
            11,
            "trigger.http[1].route",
            "{ private = true }",
        ),
        (
            "route = { privat = true }\ncomponent = \"cart\"",
            11,
            "trigger.http[1].route.privat",
            "unknown key",
        ),
        (
            "route = \"/a\"\ncomponent = \"kart\"",
            12,
            "trigger.http[1].component",
            "\"kart\" is not a component",
        ),
        (
            "route = \"/a\"\ncomponent = { source = \"x\" }",
            12,
            "trigger.http[1].component",
            "does not support an inline component",
        ),
        (
            "route = \"/a\"\ncomponent = \"cart\"\nmethod = \"GET\"",
            13,
            "trigger.http[1].method",
            "unknown key",
        ),
        (
            "route = \"/a\"\ncomponent = \"cart\"\nexecutor = { type = \"wagi\" }",
            13,
            "trigger.http[1].executor.type",
            "expected \"http\"",
        ),
    ] {
        let text = with(trigger);
        let errors = read(&text).expect_err(&text);
        assert!(
            errors
                .faults()
                .iter()
                .any(
                    |fault| fault.location.map(|location| location.line) == Some(line)
                        && fault.key == key
                        && fault.message.contains(words)
                ),
            "{text}\n{errors}"
        );
    }
    has_one_error(
        &format!("{HEAD}{CART}[[trigger.redis]]\nchannel = \"x\"\n"),
        10,
        "trigger.redis",
        "expected an HTTP trigger",
    );
}

#[test]
fn errors_at_the_top_level_have_a_line_and_a_key() {
    let tail = &format!("{}{CART}", "[[trigger.http]]\nroute = \"/\"\n");
    for (text, line, key, words) in [
        ("application.name = \"a\"".to_owned(), 1, "spin_manifest_version", "missing"),
        ("spin_manifest_version = 1\napplication.name = \"a\"".to_owned(), 1, "spin_manifest_version", "expected 2"),
        ("spin_manifest_version = \"2\"\napplication.name = \"a\"".to_owned(), 1, "spin_manifest_version", "expected 2"),
        ("spin_manifest_version = 2".to_owned(), 1, "application", "missing"),
        ("spin_manifest_version = 2\napplication = {}".to_owned(), 2, "application.name", "missing"),
        ("spin_manifest_version = 2\napplication.name = \" \"".to_owned(), 2, "application.name", "empty"),
        (
            "spin_manifest_version = 2\napplication.name = \"a\"\napplication.nom = 1".to_owned(),
            3,
            "application.nom",
            "unknown key; expected one of authors",
        ),
        (
            "spin_manifest_version = 2\napplication.name = \"a\"\napplication.trigger.http.base = \"/\"".to_owned(),
            3,
            "application.trigger",
            "not supported",
        ),
        ("spin_manifest_version = 2\napplication.name = \"a\"\nwhat = 1".to_owned(), 3, "what", "unknown key"),
    ] {
        has_one_error(&format!("{text}\n{tail}"), line, key, words);
    }
    has_one_error(
        "spin_manifest_version = 2\napplication.name = \"a\"\n",
        1,
        "trigger",
        "missing",
    );
}

#[test]
fn errors_in_a_variable_have_a_line_and_a_key() {
    for (variable, key, words) in [
        ("a = {}", "variables.a", "`required = true` or a `default`"),
        (
            "a = { secret = true }",
            "variables.a",
            "`required = true` or a `default`",
        ),
        (
            "a = { required = true }",
            "variables.a",
            "--variable a=... or SPIN_VARIABLE_A",
        ),
        (
            "a = { required = true, default = \"x\" }",
            "variables.a",
            "only one of `required` and `default`",
        ),
        ("A = { default = \"x\" }", "variables.A", "lower_snake_case"),
        (
            "a_1 = { default = \"x\" }",
            "variables.a_1",
            "lower_snake_case",
        ),
        (
            "a = { default = 1 }",
            "variables.a.default",
            "expected a string, found integer",
        ),
        (
            "a = { dflt = \"\", default = \"\" }",
            "variables.a.dflt",
            "unknown key",
        ),
        ("a = \"x\"", "variables.a", "expected a table, found string"),
    ] {
        let text = format!("{HEAD}{CART}").replacen(
            "[variables]\n",
            &format!("[variables]\n{variable}\n"),
            1,
        );
        let errors = read(&text).expect_err(&text);
        let fault = &errors.faults()[0];
        assert_eq!(
            fault.location.map(|location| location.line),
            Some(4),
            "{errors}"
        );
        assert_eq!(fault.key, key, "{errors}");
        assert!(fault.message.contains(words), "{errors}");
    }
}

#[test]
fn text_that_is_not_toml_is_rejected_with_its_location() {
    has_one_error("spin_manifest_version = 2\na = @\n", 2, "", "expected");
    has_one_error("a = 1\na = 2\n", 2, "", "duplicate key");
    let errors = parse(
        b"a = 1\nb = \"\xff\"",
        Path::new("x"),
        &LoadOptions::default(),
    )
    .unwrap_err();
    assert_eq!(
        errors.to_string(),
        "x:2:6: not valid UTF-8 from this column on"
    );
}

#[test]
fn all_errors_of_a_file_are_reported_in_the_files_order_one_per_line() {
    let text =
        format!("{HEAD}{CART}sauce = 1\nallowed_outbound_hosts = [\"x\"]\n[component.Cart-2]\n");
    let lines: Vec<_> = read(&text)
        .unwrap_err()
        .to_string()
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[0].starts_with("spin.toml:10:1: component.cart.sauce: unknown key"));
    assert!(lines[1].starts_with(
        "spin.toml:11:27: component.cart.allowed_outbound_hosts[0]: \"x\" has no scheme"
    ));
    assert!(
        lines[2..]
            .iter()
            .all(|line| line.starts_with("spin.toml:12:12: component.Cart-2")),
        "{lines:#?}"
    );
}

#[test]
fn columns_are_counted_in_characters() {
    let errors = read(&format!(
        "{HEAD}{CART}build = {{ workdir = \"äöü\", x = 1 }}\n"
    ))
    .unwrap_err();
    assert_eq!(
        errors.faults()[0].location,
        Some(Location {
            line: 10,
            column: 28
        })
    );
}

#[test]
fn an_error_message_does_not_show_the_value_of_a_secret() {
    let text = HEAD.replace("host = { default", "host = { secret = true, default") + CART;
    let text = text.replace("http://localhost:1", "hunter2")
        + "allowed_outbound_hosts = [\"{{ host }}\"]\n";
    let errors = read(&text).unwrap_err().to_string();
    assert!(
        errors.contains("the value is secret, so it is not shown") && !errors.contains("hunter2"),
        "{errors}"
    );
}

#[test]
fn a_value_for_an_undeclared_variable_is_rejected_unless_it_is_from_the_environment() {
    let text = format!("{HEAD}{CART}");
    let extra = BTreeMap::from([("other".to_owned(), "x".to_owned())]);
    let given = LoadOptions {
        variables: extra.clone(),
        ..LoadOptions::default()
    };
    let errors = parse(text.as_bytes(), Path::new("spin.toml"), &given).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "spin.toml: variables: \"other\" has a value, but the manifest does not declare this variable"
    );
    let environment = LoadOptions {
        environment: extra,
        ..LoadOptions::default()
    };
    parse(text.as_bytes(), Path::new("spin.toml"), &environment).unwrap();
}

#[test]
fn an_unreadable_file_is_distinguished_from_an_invalid_file() {
    let errors =
        stoa_manifest::load(Path::new("/nowhere/spin.toml"), &LoadOptions::default()).unwrap_err();
    assert_eq!(
        errors.unreadable().map(std::io::Error::kind),
        Some(std::io::ErrorKind::NotFound)
    );
    assert!(
        errors
            .to_string()
            .starts_with("/nowhere/spin.toml: cannot read the file")
    );
    assert!(read("").unwrap_err().unreadable().is_none());
}

#[test]
fn a_file_above_the_size_limit_is_rejected() {
    assert!(
        read(&"#".repeat(1 << 21))
            .unwrap_err()
            .to_string()
            .contains("longer than 1048576 bytes")
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(parse(&bytes, Path::new("x"), &LoadOptions::default()).is_err());
    }

    #[test]
    fn a_manifest_with_a_part_replaced_by_arbitrary_text_does_not_cause_a_panic(
        cut in 0..400_usize, drop in 0..30_usize, paste in "[\\[\\]{}=\".:,/*a-z0-9\n -]{0,12}"
    ) {
        let whole = format!("{HEAD}{CART}allowed_outbound_hosts = [\"{{{{ host }}}}\", \"http://10.0.0.0/8:1..9\"]\n\
            dependencies = {{ \"a:b/c@1.0.0\" = {{ path = \"x\", export = \"d\" }} }}\nbuild.watch = [\"a\"]\n");
        let mut bytes = whole.into_bytes();
        let cut = cut.min(bytes.len());
        let end = (cut + drop).min(bytes.len());
        bytes.splice(cut..end, paste.into_bytes());
        if let Err(errors) = parse(&bytes, Path::new("x"), &LoadOptions::default()) {
            prop_assert!(errors.faults().iter().all(|fault| !fault.message.is_empty() || !fault.key.is_empty()));
        }
    }
}
