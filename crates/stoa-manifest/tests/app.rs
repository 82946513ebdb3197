//! Tests the application that is read from a manifest without errors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use stoa_manifest::{
    App, Capability, DependencySource, Errors, LoadOptions, Route, RoutePath, parse,
};

const SHOP: &str = r#"
spin_manifest_version = 2

[application]
name = "shop"
version = "1.2.3"
description = "A shop"
authors = ["someone"]
targets = ["spin-up:3.6"]
tool.lint.level = 1

[variables]
stock_url = { default = "http://stock.spin.internal" }
key = { required = true, secret = true, description = "a key" }

[[trigger.http]]
id = "cart"
route = "/cart/..."
component = "cart"

[[trigger.http]]
route = "/basket"
component = "cart"
executor = { type = "http" }

[[trigger.http]]
route = { private = true }
component = "stock"

[component.cart]
description = "The cart"
source = "target/cart.wasm"
allowed_outbound_hosts = ["{{ stock_url }}", "https://*.example.com"]
sqlite_databases = ["default"]
key_value_stores = ["default", "side-store"]
dependencies_inherit_configuration = false
[component.cart.variables]
stock_url = "{{ stock_url }}/v1"
key = "{{ key }}"
[component.cart.environment]
RUST_LOG = "info {{ as it stands }}"
[component.cart.dependencies]
"shop:pricing/quote@1.0.0" = { component = "pricing" }
"shop:tax/rate" = { path = "tax.wasm", export = "other:tax/rate" }
[component.cart.build]
command = ["cargo build", "true"]
workdir = "components/cart"
watch = ["src/**/*.rs"]

[component.stock]
source = "/abs/stock.wasm"

[component.pricing]
source = "pricing.wasm"
"#;

fn read(options: LoadOptions) -> Result<App, Errors> {
    parse(SHOP.as_bytes(), Path::new("/app/spin.toml"), &options)
}

fn key() -> BTreeMap<String, String> {
    BTreeMap::from([("key".to_owned(), "k".to_owned())])
}

#[test]
fn all_supported_keys_of_a_manifest_are_read() {
    let app = read(LoadOptions {
        variables: key(),
        ..LoadOptions::default()
    })
    .unwrap();
    assert_eq!((app.name.as_str(), app.version.as_str()), ("shop", "1.2.3"));
    let route = |path, component: &str| Route {
        path,
        component: component.to_owned(),
    };
    assert_eq!(
        app.routes,
        [
            route(RoutePath::Public("/cart/...".to_owned()), "cart"),
            route(RoutePath::Public("/basket".to_owned()), "cart"),
            route(RoutePath::Private, "stock"),
        ]
    );
    let cart = &app.components["cart"];
    assert_eq!(cart.source, PathBuf::from("/app/target/cart.wasm"));
    assert_eq!(cart.variables["stock_url"], "http://stock.spin.internal/v1");
    assert_eq!(cart.variables["key"], "k");
    assert_eq!(
        cart.environment["RUST_LOG"], "info {{ as it stands }}",
        "templates are replaced only in variables and hosts"
    );
    assert_eq!(cart.sqlite_databases, ["default"]);
    assert_eq!(cart.key_value_stores, ["default", "side-store"]);
    assert!(cart.allowed_outbound_hosts[0].allows("http", "stock.spin.internal", 80));
    assert!(!cart.allowed_outbound_hosts[0].allows("http", "cart.spin.internal", 80));
    assert_eq!(cart.dependencies[0].interface, "shop:pricing/quote@1.0.0");
    assert_eq!(
        cart.dependencies[0].source,
        DependencySource::Component("pricing".to_owned())
    );
    assert_eq!(
        cart.dependencies[1].source,
        DependencySource::Path(PathBuf::from("/app/tax.wasm"))
    );
    assert_eq!(
        cart.dependencies[1].export.as_deref(),
        Some("other:tax/rate")
    );
    assert_eq!(
        app.components["stock"].source,
        PathBuf::from("/abs/stock.wasm")
    );
}

#[test]
fn a_given_value_precedes_the_environment_and_the_environment_precedes_the_default() {
    let named = |value: &str| BTreeMap::from([("stock_url".to_owned(), value.to_owned())]);
    let mut variables = named("http://given:1");
    variables.extend(key());
    let environment = named("http://environment:1");
    let stock = |app: App| app.components["cart"].variables["stock_url"].clone();
    let both = LoadOptions {
        variables,
        environment: environment.clone(),
        components: None,
    };
    assert_eq!(stock(read(both).unwrap()), "http://given:1/v1");
    let one = LoadOptions {
        variables: key(),
        environment,
        components: None,
    };
    assert_eq!(stock(read(one).unwrap()), "http://environment:1/v1");
}

#[test]
fn a_missing_required_variable_fails_even_if_no_selected_component_uses_the_variable() {
    let selection = Some(vec!["stock".to_owned()]);
    let errors = read(LoadOptions {
        components: selection,
        ..LoadOptions::default()
    })
    .unwrap_err();
    assert_eq!(errors.faults()[0].key, "variables.key");
}

#[test]
fn a_selection_keeps_the_component_its_routes_and_its_dependencies() {
    let selection = Some(vec!["cart".to_owned()]);
    let app = read(LoadOptions {
        variables: key(),
        components: selection,
        ..LoadOptions::default()
    })
    .unwrap();
    assert_eq!(
        app.components.keys().collect::<Vec<_>>(),
        ["cart", "pricing"]
    );
    assert_eq!(app.routes.len(), 2, "{:?}", app.routes);
}

#[test]
fn an_unknown_component_in_a_selection_and_an_empty_selection_are_rejected() {
    for (selection, words) in [(vec!["kart".to_owned()], "\"kart\""), (vec![], "empty")] {
        let options = LoadOptions {
            variables: key(),
            components: Some(selection),
            ..LoadOptions::default()
        };
        assert!(read(options).unwrap_err().to_string().contains(words));
    }
}

#[test]
fn a_literal_host_of_a_component_that_is_not_selected_is_rejected() {
    let text = SHOP.replace("\"{{ stock_url }}\"", "\"http://stock.spin.internal\"");
    let options = |selection| LoadOptions {
        variables: key(),
        components: selection,
        ..LoadOptions::default()
    };
    let at = Path::new("spin.toml");
    parse(text.as_bytes(), at, &options(None)).unwrap();
    parse(
        text.as_bytes(),
        at,
        &options(Some(vec!["stock".to_owned()])),
    )
    .unwrap();
    let errors = parse(text.as_bytes(), at, &options(Some(vec!["cart".to_owned()]))).unwrap_err();
    assert_eq!(errors.faults().len(), 1);
    assert_eq!(
        errors.faults()[0].key,
        "component.cart.allowed_outbound_hosts[0]"
    );
    assert!(
        errors.to_string().contains("is not selected to run"),
        "{errors}"
    );
}

#[test]
fn a_dependency_inherits_only_the_configuration_that_the_manifest_lists() {
    let all = BTreeSet::from(Capability::ALL);
    let none = BTreeSet::new();
    for (component_level, dependency_level, expected) in [
        ("", "", &none),
        ("dependencies_inherit_configuration = false", "", &none),
        ("dependencies_inherit_configuration = true", "", &all),
        ("", ", inherit_configuration = false", &none),
        ("", ", inherit_configuration = true", &all),
        ("", ", inherit_configuration = []", &none),
        (
            "",
            ", inherit_configuration = [\"key_value_stores\", \"variables\"]",
            &BTreeSet::from([Capability::KeyValueStores, Capability::Variables]),
        ),
    ] {
        let text = SHOP
            .replace(
                "dependencies_inherit_configuration = false",
                component_level,
            )
            .replace(
                "{ component = \"pricing\" }",
                &format!("{{ component = \"pricing\" {dependency_level} }}"),
            );
        let options = LoadOptions {
            variables: key(),
            ..LoadOptions::default()
        };
        let app = parse(text.as_bytes(), Path::new("spin.toml"), &options).unwrap();
        let inherits: Vec<_> = app.components["cart"]
            .dependencies
            .iter()
            .map(|dependency| &dependency.inherits)
            .collect();
        // The component has two dependencies. The key `inherit_configuration` in one of them does not change what the other
        // inherits.
        let other = if component_level.is_empty() {
            &none
        } else {
            expected
        };
        assert_eq!(
            inherits,
            [expected, other],
            "{component_level}{dependency_level}"
        );
    }
}

#[test]
fn a_wildcard_for_components_is_rejected_only_if_components_are_selected() {
    let any = "http://*.spin.internal";
    let text = SHOP.replace("\"{{ stock_url }}\"", &format!("{any:?}"));
    let options = |selection: Option<&[&str]>| LoadOptions {
        variables: key(),
        components: selection.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
        ..LoadOptions::default()
    };
    let read = |selection| parse(text.as_bytes(), Path::new("spin.toml"), &options(selection));
    let app = read(None).unwrap();
    let cart = &app.components["cart"].allowed_outbound_hosts[0];
    assert!(cart.allows("http", "stock.spin.internal", 80));
    assert!(!cart.allows("http", "spin.internal", 80));
    assert!(!cart.allows("http", "stock.example", 80));
    read(Some(&["stock"])).unwrap();
    for selection in [&["cart"][..], &["cart", "stock", "pricing"]] {
        let errors = read(Some(selection)).unwrap_err();
        assert_eq!(errors.faults().len(), 1);
        let expected = "\"http://*.spin.internal\" allows calls to all components; if only selected components run, list";
        assert!(errors.faults()[0].message.starts_with(expected), "{errors}");
    }
    // A template may resolve to another address in another run. So an entry that is a template is allowed with every selection of
    // components.
    let templated = SHOP.replace("http://stock.spin.internal", any);
    parse(
        templated.as_bytes(),
        Path::new("spin.toml"),
        &options(Some(&["cart"])),
    )
    .unwrap();
}
