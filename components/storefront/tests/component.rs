//! The built component, over HTTP; the test plays the product service.

use serde_json::json;
use stoa_testkit::{Answer, Play, REQUEST_ID, Shop, ShopOptions, Stub, TRACE_ID, at_once, nobody};

fn start(product_url: &str) -> Shop {
    Shop::start(ShopOptions::only(&["storefront"]).variable("product_url", product_url))
}

fn product() -> Stub {
    Stub::start(|_| {
        let coffee = json!({"product_id": "0199aaaa-0000-7000-8000-000000000001", "sku": "COF-001", "name": "<b>Coffee</b>",
            "description": "Beans.", "category": "coffee", "image": "/shop/images/COF-001.svg",
            "price": {"amount": 1250, "currency": "EUR"}});
        let page = json!({"items": [coffee], "next_page_token": null});
        Play::Answer(200, vec![("x-shop-version", "v2".to_owned())], page)
    })
}

fn page(shop: &Shop) -> Answer {
    shop.gateway().get("/shop/?q=caf%C3%A9").traced().send()
}

#[test]
fn a_page_shows_what_product_says_asked_on_behalf_of_the_request() {
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
            "the release that product is"
        );
        assert!(
            answer.text().contains("&lt;b&gt;Coffee&lt;/b&gt;"),
            "{}",
            answer.text()
        );
    }
    let asked = product.seen("/product?");
    assert_eq!(asked.len(), 12);
    for seen in asked {
        seen.assert_traced();
        assert!(seen.path.contains("q=caf%C3%A9"), "{}", seen.path);
    }
}

#[test]
fn without_product_there_is_a_page_that_says_so_and_a_line_in_the_log() {
    let silent = Stub::start(|_| Play::Silence);
    for (url, cause) in [
        (nobody(), "ConnectionRefused"),
        (silent.url().to_owned(), "are over"),
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
        // Routes that need no product still work.
        let picture = shop
            .gateway()
            .get("/shop/images/COF-001.svg")
            .send()
            .expect(200);
        assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    }
}

#[test]
fn the_root_leads_to_the_shop() {
    let shop = start(&nobody());
    let answer = shop.gateway().get("/").send().expect(303);
    assert_eq!(answer.header("location"), Some("/shop/"));
}

#[test]
fn methods_that_no_route_takes_are_refused_and_head_is_a_page_without_its_body() {
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
