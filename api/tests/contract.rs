//! Tests that the OpenAPI documents, the services' routes and the operations of the gateway agree.
#![expect(
    clippy::unwrap_used,
    reason = "an unreadable document must fail the test"
)]

use std::collections::{BTreeMap, BTreeSet};

use api::Contract;
use serde_json::Value;
use stoa_service::Service;
use stoa_service::route::Route;

/// The name of a service, and its routes as `METHOD /path`.
fn routes_of<A: Service>() -> (String, BTreeSet<String>) {
    let routes = A::ROUTES.iter().map(Route::describe);
    let names = routes.map(|(method, pattern)| format!("{method} {pattern}"));
    (A::NAME.to_owned(), names.collect())
}

/// The documented operations of each service, as `METHOD /path`.
fn documented_operations(contract: &Contract) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    for operation in contract.operations() {
        let tag = operation.tag().unwrap_or("no tag").to_owned();
        all.entry(tag).or_default().insert(operation.name());
    }
    all
}

#[test]
fn the_routes_of_the_services_are_exactly_the_documented_operations() {
    let shop = BTreeMap::from([
        routes_of::<cart::app::App>(),
        routes_of::<inventory::app::App>(),
        routes_of::<notification::app::App>(),
        routes_of::<order::app::App>(),
        routes_of::<payment::app::App>(),
        routes_of::<product::app::App>(),
        routes_of::<shipping::app::App>(),
        routes_of::<storefront::app::App>(),
        routes_of::<user::app::App>(),
    ]);
    assert_eq!(documented_operations(&Contract::shop().unwrap()), shop);
    let partners = BTreeMap::from([routes_of::<partners::app::App>()]);
    assert_eq!(
        documented_operations(&Contract::partners().unwrap()),
        partners
    );
}

/// The operations that the gateway permits for external callers. All other operations are only for callers inside the mesh.
const GATEWAY_OPERATIONS: &[&str] = &[
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
fn only_the_operations_of_the_gateway_are_not_internal() {
    let contract = Contract::shop().unwrap();
    let operations = contract.operations();
    let open = operations.iter().filter(|o| !o.is_internal());
    let open: BTreeSet<_> = open.map(|o| o.name()).collect();
    let expected = GATEWAY_OPERATIONS.iter().map(|&name| name.to_owned());
    assert_eq!(open, expected.collect());
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

/// Calls `visit` with every object of a document, and with the JSON pointer of the object.
fn walk<'a>(pointer: &str, value: &'a Value, visit: &mut dyn FnMut(&str, &'a Value)) {
    match value {
        Value::Object(members) => {
            visit(pointer, value);
            for (name, member) in members {
                // Examples and constants are values, not schemas.
                if !["example", "examples", "const", "enum"].contains(&name.as_str()) {
                    walk(&format!("{pointer}/{name}"), member, visit);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{pointer}/{index}"), item, visit);
            }
        }
        _ => {}
    }
}

/// Both documents, with their names.
fn documents() -> [(&'static str, Contract); 2] {
    [
        ("shop", Contract::shop().unwrap()),
        ("partners", Contract::partners().unwrap()),
    ]
}

#[test]
fn every_schema_of_an_object_is_closed_or_has_a_reason_in_x_open() {
    for (name, contract) in &documents() {
        let mut objects = 0;
        walk("#", contract.document(), &mut |pointer, value| {
            if value.get("type") == Some(&Value::from("object")) {
                objects += 1;
                let open = value.get("x-open").is_some_and(Value::is_string);
                let closed = value.get("additionalProperties") == Some(&Value::Bool(false));
                assert!(closed != open, "{name} {pointer}");
            } else if value.get("properties").is_some_and(Value::is_object)
                && !pointer.ends_with("/properties")
            {
                // A schema with properties may omit the type only as a member of `allOf`. There it adds restrictions to another
                // schema of the same `allOf`, and that other schema is a closed object.
                assert!(pointer.contains("/allOf/"), "{name} {pointer}");
            }
            if let Some(required) = value.get("required").and_then(Value::as_array) {
                for field in required {
                    let field = field.as_str().unwrap();
                    assert!(
                        value["properties"].get(field).is_some(),
                        "{name} {pointer}: {field}"
                    );
                }
            }
        });
        assert!(objects > 20, "{name}");
    }
}

#[test]
fn every_reference_can_be_resolved_and_every_component_is_used() {
    for (name, contract) in &documents() {
        let mut used = BTreeSet::new();
        walk("#", contract.document(), &mut |pointer, value| {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                assert!(
                    contract.resolve(value).is_some(),
                    "{name} {pointer}: {reference}"
                );
                used.insert(reference.to_owned());
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
fn every_example_matches_its_schema() {
    for (name, contract) in &documents() {
        let mut examples = 0;
        walk("#", contract.document(), &mut |pointer, value| {
            let schema_examples = value.get("examples").and_then(Value::as_array);
            for example in schema_examples.into_iter().flatten() {
                examples += 1;
                contract
                    .check(value, example)
                    .unwrap_or_else(|fault| panic!("{name} {pointer}: {fault}"));
            }
            if let (Some(example), Some(schema)) = (value.get("example"), value.get("schema")) {
                contract.check(schema, example).unwrap();
            }
        });
        assert!(examples > 5, "{name}");
    }
}

#[test]
fn every_request_body_has_an_example_and_rejects_additional_members() {
    for (name, contract) in &documents() {
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
    for (name, contract) in &documents() {
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
