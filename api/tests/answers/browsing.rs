//! Requests of a customer before an order: accounts, the catalogue, carts, stock and web pages.

use http::Method;
use product::domain::Release;
use serde_json::{Value, json};

use crate::{Client, EMAIL, JSON, SKU, UNPRICED, id};

pub(crate) fn accounts(client: &mut Client) {
    client.get("user", "/user");
    client.get("user", "/user/jwks");
    client.get("user", "/user/me");
    for change in [json!({"name": "Ann"}), json!({"phone": "+4915112345678"})] {
        client.expect(200, "user", Method::PATCH, "/user/me", change);
    }
    for wrong in [json!({"phone": "1"}), json!({"email": "a@b"}), json!([])] {
        client.expect(422, "user", Method::PATCH, "/user/me", wrong);
    }
    let wrong = json!({"email": EMAIL, "password": "wrong"});
    client.expect(401, "user", Method::POST, "/user/login", wrong);
    let short = json!({"email": "bob@example.com", "password": "short", "name": "Bob"});
    client.expect(422, "user", Method::POST, "/user/register", short);
    client.expect(404, "user", Method::GET, "/user/nobody", Value::Null);
    client.expect(405, "user", Method::DELETE, "/user/me", Value::Null);
    let answer = client
        .mesh
        .call("user", Method::POST, "/user/login", &[JSON], b"{\"email\"");
    assert_eq!(answer.status, 400);
    let answer = client
        .mesh
        .call("user", Method::POST, "/user/login", &[], b"{}");
    assert_eq!(answer.status, 415);
    let forged = ("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.");
    for (service, path) in [
        ("user", "/user/me"),
        ("cart", "/cart"),
        ("order", "/order"),
        ("notification", "/notification"),
    ] {
        let answer = client.mesh.call(service, Method::GET, path, &[forged], b"");
        assert_eq!(answer.status, 401, "{path}");
    }
}

pub(crate) fn catalogue(client: &mut Client) {
    for release in [Release::V1, Release::V2] {
        client.mesh.set_release(release);
        let page = client.get("product", "/product?limit=3");
        let token = page["next_page_token"].as_str().unwrap();
        client.get("product", &format!("/product?limit=3&page_token={token}"));
        client.get("product", "/product?q=coffee&category=coffee");
        client.get("product", "/product?sku=COF-001,TEA-001,NONE");
        client.get("product", &format!("/product/{SKU}"));
        let product_id = id(&page["items"][0], "product_id");
        client.get("product", &format!("/product/{product_id}"));
        client.expect(404, "product", Method::GET, "/product/NONE", Value::Null);
        for wrong in [
            "limit=0",
            "page_token=x",
            "sku=a%20b",
            "x=1",
            "q=%ff",
            "q=%2B",
        ] {
            let path = format!("/product?{wrong}");
            client.expect(400, "product", Method::GET, &path, Value::Null);
        }
    }
    client.mesh.set_release(Release::V1);
}

pub(crate) fn carts(client: &mut Client, ann: &str) {
    client.get("cart", "/cart");
    let item = |sku: &str| format!("/cart/items/{sku}");
    let put = |quantity: u32| json!({"quantity": quantity});
    client.expect(200, "cart", Method::PUT, &item(SKU), put(2));
    client.expect(200, "cart", Method::PUT, &item(UNPRICED), put(1));
    client.get("cart", "/cart");
    client.expect(409, "cart", Method::PUT, &item(SKU), put(99));
    client.expect(422, "cart", Method::PUT, &item(SKU), put(0));
    client.expect(404, "cart", Method::PUT, &item("NONE"), put(1));
    client.expect(204, "cart", Method::DELETE, &item(UNPRICED), Value::Null);
    client.expect(204, "cart", Method::DELETE, "/cart", Value::Null);
    let inside = format!("/internal/carts/{ann}");
    client.expect(204, "cart", Method::DELETE, &inside, Value::Null);
    client.expect(
        404,
        "cart",
        Method::DELETE,
        "/internal/carts/x",
        Value::Null,
    );
}

pub(crate) fn stock(client: &mut Client) {
    let page = client.get("inventory", "/items?limit=2");
    let token = page["next_page_token"].as_str().unwrap();
    client.get("inventory", &format!("/items?limit=2&page_token={token}"));
    client.get("inventory", "/items?sku=COF-001,NONE");
    client.expect(
        400,
        "inventory",
        Method::GET,
        "/items?sku=A&limit=1",
        Value::Null,
    );
    client.expect(404, "inventory", Method::GET, "/items/NONE", Value::Null);
    let put = |on_hand: u32| json!({"on_hand": on_hand});
    client.expect(200, "inventory", Method::PUT, "/items/A", put(5));
    let order_id = "019b76da-a800-71f9-9f94-ae97655f93b2";
    let reserve = |quantity: u32| json!({"order_id": order_id, "lines": [{"sku": "A", "quantity": quantity}]});
    let reservations = "/reservations";
    client.expect(409, "inventory", Method::POST, reservations, reserve(6));
    client.expect(422, "inventory", Method::POST, reservations, reserve(0));
    client.expect(201, "inventory", Method::POST, reservations, reserve(2));
    client.expect(409, "inventory", Method::POST, reservations, reserve(3));
    client.expect(428, "inventory", Method::PUT, "/items/A", put(1));
    for (if_match, status) in [("5", 400), ("\"4\"", 412), ("\"5\"", 409), ("*", 409)] {
        client.put_if_match(if_match, status, "inventory", "/items/A", put(1));
    }
    let reservation = |action: &str| format!("/reservations/{order_id}{action}");
    let seconds = json!({"seconds": 60});
    client.expect(
        200,
        "inventory",
        Method::POST,
        &reservation("/extend"),
        seconds.clone(),
    );
    client.expect(
        200,
        "inventory",
        Method::POST,
        &reservation("/commit"),
        Value::Null,
    );
    client.get("inventory", "/reservations");
    client.expect(
        200,
        "inventory",
        Method::DELETE,
        &reservation(""),
        Value::Null,
    );
    client.expect(
        409,
        "inventory",
        Method::POST,
        &reservation("/commit"),
        Value::Null,
    );
    client.expect(
        409,
        "inventory",
        Method::POST,
        &reservation("/extend"),
        seconds,
    );
    client.expect(
        404,
        "inventory",
        Method::POST,
        "/reservations/x/commit",
        Value::Null,
    );
    client.get("inventory", "/items/A/ledger");
}

pub(crate) fn pages(client: &mut Client) {
    for (status, path) in [
        (303, "/"),
        (303, "/shop"),
        (200, "/shop/"),
        (200, "/shop/?q=coffee&category=coffee"),
        (400, "/shop/?q=%2B"),
        (400, "/shop/?x=1"),
        (200, "/shop/images/cof-001.svg"),
        (404, "/shop/images/x"),
    ] {
        client.expect(status, "storefront", Method::GET, path, Value::Null);
    }
}
