//! Tests of the built component `storefront` over HTTP. A stub replaces the service `product`.

use serde_json::json;
use stoa_testkit::{
    Answer, REQUEST_ID, Shop, ShopOptions, Stub, StubResponse, TRACE_ID, at_once, unreachable_url,
};

fn start(product_url: &str) -> Shop {
    Shop::start(ShopOptions::only(&["storefront"]).variable("product_url", product_url))
}

fn product() -> Stub {
    Stub::start(|_| {
        let coffee = json!({"product_id": "0199aaaa-0000-7000-8000-000000000001", "sku": "COF-001", "name": "<b>Coffee</b>",
            "description": "Beans.", "category": "coffee", "image": "/shop/images/COF-001.svg",
            "price": {"amount": 1250, "currency": "EUR"}});
        let page = json!({"items": [coffee], "next_page_token": null});
        StubResponse::Answer(200, vec![("x-shop-version", "v2".to_owned())], page)
    })
}

fn page(shop: &Shop) -> Answer {
    shop.gateway().get("/shop/?q=caf%C3%A9").traced().send()
}

#[test]
fn a_page_shows_the_products_and_its_calls_to_product_carry_the_trace() {
    let product = product();
    let shop = start(product.url());
    for answer in at_once(12, |_| page(&shop)) {
        let answer = answer.expect(200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(
            answer.header("x-shop-version"),
            Some("v2"),
            "the response must have the release of the product service"
        );
        assert!(
            answer.text().contains("&lt;b&gt;Coffee&lt;/b&gt;"),
            "{}",
            answer.text()
        );
    }
    let calls = product.seen("/product?");
    assert_eq!(calls.len(), 12);
    for call in calls {
        call.assert_traced();
        assert!(call.path.contains("q=caf%C3%A9"), "{}", call.path);
    }
}

#[test]
fn without_product_an_error_page_is_shown_and_the_log_has_the_cause() {
    let silent = Stub::start(|_| StubResponse::Silence);
    for (url, cause) in [
        (unreachable_url(), "ConnectionRefused"),
        (silent.url().to_owned(), "no response within"),
    ] {
        let shop = start(&url);
        let answer = page(&shop).expect(503);
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(answer.header("retry-after").is_some());
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
        let line = shop.wait_for_line("the cause", |line| line["service"] == "storefront");
        assert!(line["error"].as_str().unwrap().contains(cause), "{line}");
        assert_eq!(
            (&line["request_id"], &line["trace_id"]),
            (&json!(REQUEST_ID), &json!(TRACE_ID))
        );
        // Pictures still work, because they do not need the service `product`.
        let picture = shop
            .gateway()
            .get("/shop/images/COF-001.svg")
            .send()
            .expect(200);
        assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    }
}

#[test]
fn the_root_path_redirects_to_the_shop() {
    let shop = start(&unreachable_url());
    let answer = shop.gateway().get("/").send().expect(303);
    assert_eq!(answer.header("location"), Some("/shop/"));
}

#[test]
fn methods_that_no_route_accepts_are_refused_and_head_gets_a_page_without_a_body() {
    let product = product();
    let shop = start(product.url());
    let answer = shop
        .operator()
        .post("/shop/")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET"));
    let head = shop.gateway().request("HEAD", "/shop/").send().expect(200);
    assert_eq!(
        head.header("content-type"),
        Some("text/html; charset=utf-8")
    );
}
