//! The documents, the services' tables of routes and the gateway agree.
#![expect(
    clippy::unwrap_used,
    reason = "a document that cannot be read fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};

use api::Contract;
use serde_json::Value;
use stoa_service::Service;
use stoa_service::route::Route;

fn described<A: Service>() -> (String, BTreeSet<String>) {
    let routes = A::ROUTES.iter().map(Route::describe);
    let names = routes.map(|(method, pattern)| format!("{method} {pattern}"));
    (A::NAME.to_owned(), names.collect())
}

fn documented(contract: &Contract) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    for operation in contract.operations() {
        let tag = operation.tag().unwrap_or("no tag").to_owned();
        all.entry(tag).or_default().insert(operation.name());
    }
    all
}

#[test]
fn every_route_is_an_operation_and_every_operation_a_route() {
    let shop = BTreeMap::from([
        described::<cart::app::App>(),
        described::<inventory::app::App>(),
        described::<notification::app::App>(),
        described::<order::app::App>(),
        described::<payment::app::App>(),
        described::<product::app::App>(),
        described::<shipping::app::App>(),
        described::<storefront::app::App>(),
        described::<user::app::App>(),
    ]);
    assert_eq!(documented(&Contract::shop().unwrap()), shop);
    let partners = BTreeMap::from([described::<partners::app::App>()]);
    assert_eq!(documented(&Contract::partners().unwrap()), partners);
}

/// Operations open to external callers; all others stay inside the mesh.
const GATEWAY: &[&str] = &[
    "DELETE /cart",
    "DELETE /cart/items/{sku}",
    "GET /",
    "GET /cart",
    "GET /notification",
    "GET /order",
    "GET /order/{order_id}",
    "GET /product",
    "GET /product/{product_id}",
    "GET /shipping/{tracking_number}",
    "GET /shop",
    "GET /shop/",
    "GET /shop/images/{file}",
    "GET /user",
    "GET /user/jwks",
    "GET /user/me",
    "PATCH /user/me",
    "POST /order",
    "POST /order/{order_id}/cancel",
    "POST /product/{product_id}/buy",
    "POST /shipments/{shipment_id}/events",
    "POST /user/login",
    "POST /user/register",
    "PUT /cart/items/{sku}",
];

#[test]
fn nothing_but_the_gateways_operations_is_open() {
    let contract = Contract::shop().unwrap();
    let operations = contract.operations();
    let open = operations.iter().filter(|o| !o.is_internal());
    let open: BTreeSet<_> = open.map(|o| o.name()).collect();
    assert_eq!(open, GATEWAY.iter().map(|&name| name.to_owned()).collect());
    for operation in &operations {
        let mesh = operation.object.pointer("/security/0/mesh").is_some();
        assert_eq!(mesh, operation.is_internal(), "{}", operation.name());
        let inside = operation.path.starts_with("/internal/");
        assert!(!inside || operation.is_internal(), "{}", operation.name());
    }
}

#[test]
fn timers_call_the_recovery_the_outboxes_and_the_deliveries() {
    let contract = Contract::shop().unwrap();
    let timer = |name: &str| contract.find("POST", name).unwrap().object["x-timer"].clone();
    let names: Vec<_> = contract
        .operations()
        .iter()
        .filter(|o| o.object.get("x-timer").is_some())
        .map(|o| o.path.to_owned())
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for (name, period) in [
        ("/internal/orders/recover", "5s"),
        ("/internal/orders/outbox", "2s"),
        ("/internal/shipments/outbox", "2s"),
        ("/internal/notifications/deliver", "2s"),
    ] {
        assert_eq!(timer(name), period, "{name}");
    }
}

/// `found` gets every object of the document with its place.
fn walk<'a>(place: &str, value: &'a Value, found: &mut dyn FnMut(&str, &'a Value)) {
    match value {
        Value::Object(members) => {
            found(place, value);
            for (name, member) in members {
                // A quoted example is not a schema.
                if !["example", "examples", "const", "enum"].contains(&name.as_str()) {
                    walk(&format!("{place}/{name}"), member, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{place}/{index}"), item, found);
            }
        }
        _ => {}
    }
}

fn both() -> [(&'static str, Contract); 2] {
    [
        ("shop", Contract::shop().unwrap()),
        ("partners", Contract::partners().unwrap()),
    ]
}

#[test]
fn every_object_is_closed_or_says_why_not() {
    for (name, contract) in &both() {
        let mut objects = 0;
        walk("#", contract.document(), &mut |place, value| {
            if value.get("type") == Some(&Value::from("object")) {
                objects += 1;
                let open = value.get("x-open").is_some_and(Value::is_string);
                let closed = value.get("additionalProperties") == Some(&Value::Bool(false));
                assert!(closed != open, "{name} {place}");
            } else if value.get("properties").is_some_and(Value::is_object)
                && !place.ends_with("/properties")
            {
                // Only a schema that narrows a closed object may omit its type.
                assert!(place.contains("/allOf/"), "{name} {place}");
            }
            if let Some(required) = value.get("required").and_then(Value::as_array) {
                for field in required {
                    let field = field.as_str().unwrap();
                    assert!(
                        value["properties"].get(field).is_some(),
                        "{name} {place}: {field}"
                    );
                }
            }
        });
        assert!(objects > 20, "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    for (name, contract) in &both() {
        let mut used = BTreeSet::new();
        walk("#", contract.document(), &mut |place, value| {
            if let Some(pointer) = value.get("$ref").and_then(Value::as_str) {
                assert!(
                    contract.resolve(value).is_some(),
                    "{name} {place}: {pointer}"
                );
                used.insert(pointer.to_owned());
            }
        });
        for (kind, components) in contract.document()["components"].as_object().unwrap() {
            for component in components.as_object().unwrap().keys() {
                let pointer = format!("#/components/{kind}/{component}");
                assert!(
                    kind == "securitySchemes" || used.contains(&pointer),
                    "{name} {pointer}"
                );
            }
        }
    }
}

#[test]
fn every_example_fits_its_schema() {
    for (name, contract) in &both() {
        let mut examples = 0;
        walk("#", contract.document(), &mut |place, value| {
            let of_schema = value.get("examples").and_then(Value::as_array);
            for example in of_schema.into_iter().flatten() {
                examples += 1;
                contract
                    .check(value, example)
                    .unwrap_or_else(|fault| panic!("{name} {place}: {fault}"));
            }
            if let (Some(example), Some(schema)) = (value.get("example"), value.get("schema")) {
                contract.check(schema, example).unwrap();
            }
        });
        assert!(examples > 5, "{name}");
    }
}

#[test]
fn every_body_asked_for_has_an_example_that_nothing_may_be_added_to() {
    for (name, contract) in &both() {
        for operation in contract.operations() {
            let Some(content) = operation
                .object
                .pointer("/requestBody/content/application~1json/schema")
            else {
                continue;
            };
            let schema = contract.resolve(content).unwrap();
            if schema.get("x-open").is_some() {
                continue;
            }
            let example = schema.pointer("/examples/0");
            let mut example = example
                .unwrap_or_else(|| panic!("{name} {}: no example", operation.name()))
                .clone();
            contract.check(content, &example).unwrap();
            example["surplus"] = Value::from(1);
            assert!(
                contract.check(content, &example).is_err(),
                "{name} {}",
                operation.name()
            );
        }
    }
}

#[test]
fn operations_have_unique_ids_and_declare_the_parameters_of_their_paths() {
    for (name, contract) in &both() {
        let mut ids = BTreeSet::new();
        for operation in contract.operations() {
            let id = operation.object["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{name} {id}");
            let item = &contract.document()["paths"][operation.path];
            let lists = [item.get("parameters"), operation.object.get("parameters")];
            let declared: BTreeSet<_> = lists
                .into_iter()
                .flatten()
                .flat_map(|list| list.as_array().unwrap())
                .map(|parameter| contract.resolve(parameter).unwrap())
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
                .collect();
            let in_path: BTreeSet<_> = operation
                .path
                .split('/')
                .filter(|segment| segment.starts_with('{'))
                .map(str::to_owned)
                .collect();
            assert_eq!(declared, in_path, "{name} {}", operation.name());
        }
    }
}
