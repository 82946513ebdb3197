//! No user sees or changes another user's data. The operations come from the document. A new operation is tested too, or it
//! makes this test fail until the test states which of the first user's data it could expose.

use api::{Contract, Operation};
use serde_json::{Value, json};
use stoa_testkit::{Answer, Client, Shop, ShopOptions};

use crate::customer::{Customer, Operator, address, card, items, key, text};

const SKU: &str = "HOM-001";
const PHONE: &str = "+31201234567";
const STREET: &str = "7 Hidden Lane";

/// Ann, who has one of everything, with the texts that only she may see.
struct Ann {
    customer: Customer,
    key: String,
    order: Value,
    /// Ann's texts, which a response to another caller must not contain.
    marks: Vec<String>,
}

fn ann(shop: &Shop) -> Ann {
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
    let mut marks = vec![
        customer.email.clone(),
        customer.user_id.clone(),
        PHONE.into(),
        STREET.into(),
    ];
    for order in [&order, &second] {
        let id = text(order, "order_id");
        let message = customer.wait_for_message("stoa.order.confirmed", &id);
        marks.extend([
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
        marks,
    }
}

impl Ann {
    /// All of Ann's data, as she sees it.
    fn belongings(&self) -> Vec<Value> {
        let paths = ["/cart", "/order", "/notification", "/user/me"];
        let get = |path: &str| self.customer.get(path).expect(200).json;
        paths.into_iter().map(get).collect()
    }

    /// The operation's path with Ann's ids in it; for a list with pages, the page after her first one.
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
            "{path}: say here what stands there for something of ann's"
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
fn with_a_token(contract: &Contract) -> Vec<Operation<'_>> {
    let asks = |operation: &Operation<'_>| {
        let schemes = operation.object["security"].as_array();
        schemes.is_some_and(|all| all.iter().any(|scheme| scheme.get("bearer").is_some()))
    };
    contract.operations().into_iter().filter(asks).collect()
}

/// The example body in the document.
fn example(contract: &Contract, operation: &Operation<'_>) -> Option<Value> {
    let schema = operation
        .object
        .pointer("/requestBody/content/application~1json/schema")?;
    let example = contract.resolve(schema).unwrap()["examples"][0].clone();
    assert!(
        !example.is_null(),
        "{}: its body has no example",
        operation.path
    );
    Some(example)
}

fn ask(
    client: &Client,
    contract: &Contract,
    operation: &Operation<'_>,
    ann: &Ann,
    token: Option<&str>,
) -> Answer {
    let path = ann.path(contract, operation);
    // Ann's own key: the response stored under it is for her alone.
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
fn nobody_sees_or_changes_what_is_anothers() {
    let contract = Contract::shop().unwrap();
    let shop = Shop::start(ShopOptions::checked());
    let (ann, eve) = (ann(&shop), Customer::register(&shop, "eve"));
    let before = ann.belongings();
    let operations = with_a_token(&contract);
    assert!(operations.iter().any(|o| o.path == "/order/{order_id}"));
    for listener in [shop.gateway(), shop.operator()] {
        for operation in &operations {
            let what = format!("{} {}", operation.method, operation.path);
            let nobody = ask(listener, &contract, operation, &ann, None);
            assert_eq!(nobody.status, 401, "{what}: {}", nobody.text());
            let answer = ask(listener, &contract, operation, &ann, Some(&eve.token));
            if operation.path.contains("{order_id}") {
                assert_eq!(answer.status, 404, "{what}: {}", answer.text());
            }
            assert!(answer.status < 500, "{what}: {}", answer.text());
            let mut told = format!("{} {:?}", answer.text(), answer.headers);
            if answer.status >= 400 {
                // A rejection may name the requested id.
                told = told.replace(&text(&ann.order, "order_id"), "");
            }
            for mark in &ann.marks {
                assert!(!told.contains(mark.as_str()), "{what} tells {mark}: {told}");
            }
        }
    }
    assert_eq!(ann.belongings(), before);
    // Eve's requests changed her own account.
    let orders = items(&eve.get("/order").expect(200).json);
    assert!(!orders.is_empty());
    let charged = Operator::of(&shop).ledger();
    assert!(charged.len() >= orders.len() + 2, "{charged:?}");
}
