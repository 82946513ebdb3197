//! Tests that no user sees or changes another user's data. The operations come from `api/openapi.yaml`, so new operations are
//! tested too. A new path parameter makes the test fail until the test has a value for it.

use api::{Contract, Operation};
use serde_json::{Value, json};
use stoa_testkit::{Answer, Client, Shop, ShopOptions};

use crate::customer::{Customer, Operator, address, card, items, key, text};

const SKU: &str = "HOM-001";
const PHONE: &str = "+31201234567";
const STREET: &str = "7 Hidden Lane";

/// Ann, a customer with orders, messages and a cart, to which other users try to get access.
struct Ann {
    customer: Customer,
    key: String,
    order: Value,
    /// Texts of Ann's data, which a response to another user must not contain.
    private_texts: Vec<String>,
}

fn create_ann(shop: &Shop) -> Ann {
    let customer = Customer::register(shop, "ann");
    let change = shop.gateway().patch("/user/me").bearer(&customer.token);
    let _ = change.json(&json!({"phone": PHONE})).send().expect(200);
    let key = key();
    let mut to = address();
    to["street"] = STREET.into();
    let body = json!({"shipping_address": to, "payment": card("tok_visa"), "items": [{"sku": SKU, "quantity": 1}]});
    let order = customer.post("/order", &key, &body).expect(201).json;
    let second = customer
        .order(&crate::customer::key(), SKU, 1, "tok_visa")
        .expect(201)
        .json;
    let mut private_texts = vec![
        customer.email.clone(),
        customer.user_id.clone(),
        PHONE.into(),
        STREET.into(),
    ];
    for order in [&order, &second] {
        let id = text(order, "order_id");
        let message = customer.wait_for_message("stoa.order.confirmed", &id);
        private_texts.extend([
            id,
            text(&order["payment"], "payment_id"),
            text(&order["shipment"], "shipment_id"),
            text(&order["shipment"], "tracking_number"),
            text(&message, "notification_id"),
        ]);
    }
    let _ = customer.put_in_cart(SKU, 3).expect(200);
    Ann {
        customer,
        key,
        order,
        private_texts,
    }
}

impl Ann {
    /// All of Ann's data, read with her token.
    fn data(&self) -> Vec<Value> {
        let paths = ["/cart", "/order", "/notification", "/user/me"];
        let get = |path: &str| self.customer.get(path).expect(200).json;
        paths.into_iter().map(get).collect()
    }

    /// The operation's path with Ann's ids as parameters. For a list with pages, the path of Ann's second page.
    fn path(&self, contract: &Contract, operation: &Operation<'_>) -> String {
        let mut path = operation.path.to_owned();
        for (name, value) in [
            ("{order_id}", text(&self.order, "order_id")),
            ("{sku}", SKU.to_owned()),
            ("{product_id}", SKU.to_owned()),
        ] {
            path = path.replace(name, &value);
        }
        assert!(
            !path.contains('{'),
            "{path}: add a value of ann's data for this path parameter to the list above"
        );
        if parameters(contract, operation).any(|p| p["name"] == "page_token") {
            let first = self
                .customer
                .get(&format!("{path}?limit=1"))
                .expect(200)
                .json;
            path += &format!("?page_token={}", text(&first, "next_page_token"));
        }
        path
    }
}

fn parameters<'a>(
    contract: &'a Contract,
    operation: &Operation<'a>,
) -> impl Iterator<Item = &'a Value> {
    let listed = operation.object["parameters"].as_array();
    let resolved = |value| contract.resolve(value).unwrap();
    listed.into_iter().flatten().map(resolved)
}

/// The operations that accept a token.
fn operations_with_token(contract: &Contract) -> Vec<Operation<'_>> {
    let accepts_token = |operation: &Operation<'_>| {
        let schemes = operation.object["security"].as_array();
        schemes.is_some_and(|all| all.iter().any(|scheme| scheme.get("bearer").is_some()))
    };
    let operations = contract.operations().into_iter();
    operations.filter(accepts_token).collect()
}

/// The example of the request body in `api/openapi.yaml`.
fn example(contract: &Contract, operation: &Operation<'_>) -> Option<Value> {
    let schema = operation
        .object
        .pointer("/requestBody/content/application~1json/schema")?;
    let example = contract.resolve(schema).unwrap()["examples"][0].clone();
    assert!(
        !example.is_null(),
        "{}: api/openapi.yaml has no example of the request body",
        operation.path
    );
    Some(example)
}

fn send(
    client: &Client,
    contract: &Contract,
    operation: &Operation<'_>,
    ann: &Ann,
    token: Option<&str>,
) -> Answer {
    let path = ann.path(contract, operation);
    // Sends Ann's idempotency key. Only Ann may get the response that is stored for this key.
    let mut request = client
        .request(operation.method, &path)
        .header("idempotency-key", &ann.key);
    if let Some(body) = example(contract, operation) {
        request = request.json(&body);
    }
    match token {
        Some(token) => request.bearer(token),
        None => request,
    }
    .send()
}

#[test]
fn other_users_cannot_see_or_change_a_users_data() {
    let contract = Contract::shop().unwrap();
    let shop = Shop::start(ShopOptions::checked());
    let (ann, eve) = (create_ann(&shop), Customer::register(&shop, "eve"));
    let before = ann.data();
    let operations = operations_with_token(&contract);
    assert!(operations.iter().any(|o| o.path == "/order/{order_id}"));
    for listener in [shop.gateway(), shop.operator()] {
        for operation in &operations {
            let name = format!("{} {}", operation.method, operation.path);
            let without_token = send(listener, &contract, operation, &ann, None);
            assert_eq!(
                without_token.status,
                401,
                "{name}: {}",
                without_token.text()
            );
            let answer = send(listener, &contract, operation, &ann, Some(&eve.token));
            if operation.path.contains("{order_id}") {
                assert_eq!(answer.status, 404, "{name}: {}", answer.text());
            }
            assert!(answer.status < 500, "{name}: {}", answer.text());
            let mut response = format!("{} {:?}", answer.text(), answer.headers);
            if answer.status >= 400 {
                // A rejection may contain the requested id.
                response = response.replace(&text(&ann.order, "order_id"), "");
            }
            for private in &ann.private_texts {
                assert!(
                    !response.contains(private.as_str()),
                    "{name}: the response contains {private}: {response}"
                );
            }
        }
    }
    assert_eq!(ann.data(), before);
    // Eve's requests changed only her own account.
    let orders = items(&eve.get("/order").expect(200).json);
    assert!(!orders.is_empty());
    let charged = Operator::of_shop(&shop).ledger();
    assert!(charged.len() >= orders.len() + 2, "{charged:?}");
}
