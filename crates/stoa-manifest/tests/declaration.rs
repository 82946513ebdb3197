//! Tests the declaration that is read from a manifest: its texts still have their templates.
#![expect(clippy::unwrap_used, reason = "an error in a fixture fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stoa_manifest::{
    BuildCommand, Declaration, DeclaredBuild, Errors, RoutePath, Variable, declaration,
};

const SHOP: &str = r#"
spin_manifest_version = 2
[application]
name = "shop"
version = "1.2.3"
description = "A shop"
authors = ["Ann", "Bo"]
[variables]
stock_url = { default = "http://stock.spin.internal" }
key = { required = true, secret = true, description = "a key" }
[[trigger.http]]
id = "cart-pages"
route = "/cart/..."
component = "cart"
executor = { type = "spin" }
[[trigger.http]]
route = { private = true }
component = "stock"
[component.stock]
source = "stock.wasm"
allowed_outbound_hosts = ["http://cart.spin.internal"]
build = { command = ["make a", "make b"] }
[component.cart]
description = "The cart"
source = "target/cart.wasm"
allowed_outbound_hosts = ["{{ stock_url }}", "https://{{ key }}", "https://*.example.com"]
sqlite_databases = ["default"]
key_value_stores = ["side-store"]
variables = { url = "{{ stock_url }}/v1", key = "{{ key }}" }
environment = { RUST_LOG = "info {{ as it stands }}" }
build = { command = "make cart", workdir = "cart", watch = ["src/**/*.rs"] }
"#;

fn declare(manifest: &str) -> Result<Declaration, Errors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spin.toml");
    std::fs::write(&path, manifest).unwrap();
    declaration(&path)
}

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let entry = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    entries.iter().map(entry).collect()
}

#[test]
fn a_declaration_has_the_application_and_its_variables_without_values() {
    let shop = declare(SHOP).unwrap();
    assert_eq!(
        (&*shop.name, &*shop.version, &*shop.description),
        ("shop", "1.2.3", "A shop")
    );
    assert_eq!(shop.authors, ["Ann", "Bo"]);
    let key = Variable {
        description: Some("a key".to_owned()),
        default: None,
        secret: true,
    };
    assert_eq!(shop.variables["key"], key);
    let url = shop.variables["stock_url"].default.as_deref();
    assert_eq!(url, Some("http://stock.spin.internal"));
}

#[test]
fn triggers_and_components_have_the_order_and_the_texts_of_the_manifest() {
    let shop = declare(SHOP).unwrap();
    let [first, second] = &shop.triggers[..] else {
        panic!("{:?}", shop.triggers);
    };
    assert_eq!(first.id.as_deref(), Some("cart-pages"));
    assert_eq!(first.executor.as_deref(), Some("spin"));
    assert_eq!(first.path, RoutePath::Public("/cart/...".to_owned()));
    assert_eq!(second.path, RoutePath::Private);
    assert_eq!((&second.id, &*second.component), (&None, "stock"));

    let [stock, cart] = &shop.components[..] else {
        panic!("{:?}", shop.components);
    };
    assert_eq!((&*stock.id, &*cart.id), ("stock", "cart"));
    assert_eq!(
        cart.allowed_outbound_hosts,
        [
            "{{ stock_url }}",
            "https://{{ key }}",
            "https://*.example.com"
        ]
    );
    let variables = texts(&[("key", "{{ key }}"), ("url", "{{ stock_url }}/v1")]);
    assert_eq!(cart.variables, variables);
    let environment = texts(&[("RUST_LOG", "info {{ as it stands }}")]);
    assert_eq!(cart.environment, environment);
    assert_eq!(cart.sqlite_databases, ["default"]);
    assert_eq!(cart.key_value_stores, ["side-store"]);
    assert_eq!(cart.source.file_name(), Some("cart.wasm".as_ref()));
    let build = DeclaredBuild {
        command: BuildCommand::One("make cart".to_owned()),
        workdir: Some("cart".to_owned()),
        watch: vec!["src/**/*.rs".to_owned()],
    };
    assert_eq!(cart.build, Some(build));
    let commands = BuildCommand::List(vec!["make a".to_owned(), "make b".to_owned()]);
    assert_eq!(stock.build.as_ref().unwrap().command, commands);
}

#[test]
fn only_a_literal_address_of_a_component_counts_as_a_call_to_a_component() {
    let shop = declare(SHOP).unwrap();
    let calls = |id: &str| {
        let component = shop.components.iter().find(|c| c.id == id);
        component.unwrap().calls_components
    };
    assert!(calls("stock"));
    assert!(!calls("cart"), "the address is in a template");
}

#[test]
fn a_declaration_has_the_same_checks_as_an_application_that_runs() {
    let bad = SHOP.replace("https://*.example.com", "example.com");
    let errors = declare(&bad).unwrap_err().to_string();
    assert!(errors.contains("has no scheme"), "{errors}");
    let undeclared = SHOP.replace("{{ stock_url }}/v1", "{{ cellar_url }}");
    let errors = declare(&undeclared).unwrap_err().to_string();
    assert!(
        errors.contains("\"cellar_url\" is not declared"),
        "{errors}"
    );
    let missing = declaration(Path::new("/nowhere/spin.toml")).unwrap_err();
    assert!(missing.unreadable().is_some());
    let file = &missing.faults()[0].file;
    assert_eq!(file, &PathBuf::from("/nowhere/spin.toml"));
}
