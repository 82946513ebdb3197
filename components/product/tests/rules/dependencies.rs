//! Tests of responses that contain data from the PIM and `inventory`, and of responses when the PIM or `inventory` fails.

use std::sync::Arc;

use product::domain::Release;
use product::enrichment::PIM_PAUSE;
use serde_json::{Value, json};
use stoa_service::outbound::{Call, CallError, Reply};
use stoa_service::testing::{FakeOutbound, reply};

use crate::shop::{COFFEE, Shop};

fn pim(call: &Call) -> Result<Reply, CallError> {
    assert_eq!(call.timeout, product::clients::PIM_TIMEOUT);
    match call.url.as_str() {
        "http://pim/pim/products/COF-001" => reply(
            200,
            json!({"sku": "COF-001", "description": "Richer.", "image": "/shop/images/x.svg"}),
        ),
        "http://pim/pim/products/COF-002" => reply(
            200,
            json!({"sku": "COF-002", "description": " ", "image": "javascript:alert(1)"}),
        ),
        _ => reply(404, json!({})),
    }
}

#[test]
fn the_pims_texts_replace_the_catalogues_texts_and_are_stored_until_they_expire() {
    let shop = Shop::new(Release::V1, pim);
    for path in ["COF-001", COFFEE] {
        let (status, product) = shop.get(&format!("/product/{path}"));
        assert_eq!((status, &product["product_id"]), (200, &json!(COFFEE)));
        assert_eq!(product["description"], "Richer.");
        assert_eq!(product["image"], "/shop/images/x.svg");
        assert!(product.get("available").is_none());
    }
    assert_eq!(
        shop.outbound.sent(),
        ["GET http://pim/pim/products/COF-001"]
    );
    shop.sql(
        "UPDATE product_pim SET fetched_at = fetched_at - $1",
        301_000,
    );
    shop.get("/product/COF-001");
    assert_eq!(shop.outbound.sent().len(), 2);
    for sku in ["COF-002", "COF-003"] {
        for _ in 0..2 {
            let (_, product) = shop.get(&format!("/product/{sku}"));
            let image = format!("/shop/images/{}.svg", sku.to_lowercase());
            assert_eq!(product["image"], image);
            assert_ne!(product["description"], " ");
        }
    }
    assert_eq!(shop.outbound.sent().len(), 4);
}

#[test]
fn without_the_pim_the_catalogues_texts_are_shown_and_calls_to_the_pim_pause() {
    for broken in [
        || Err(CallError::Lost("no response within 300 ms".into())),
        || Err(CallError::NotSent("refused".into())),
        || reply(500, json!({})),
        || reply(200, json!([1])),
    ] {
        let shop = Shop::new(Release::V1, move |_| broken());
        for sku in ["COF-001", "COF-001", "COF-002"] {
            let (status, product) = shop.get(&format!("/product/{sku}"));
            assert_eq!((status, &product["sku"]), (200, &json!(sku)));
            assert!(product["description"].as_str().unwrap().len() > 10);
        }
        assert_eq!(shop.outbound.sent().len(), 1);
        shop.sql("UPDATE product_pim_pause SET until = until - $1", PIM_PAUSE);
        shop.get("/product/COF-001");
        assert_eq!(shop.outbound.sent().len(), 2);
    }
    // A stored description is still in the response while the PIM is down.
    let shop = Shop::new(Release::V1, pim);
    shop.get("/product/COF-001");
    shop.sql(
        "UPDATE product_pim SET fetched_at = fetched_at - $1",
        301_000,
    );
    let shop = Shop {
        outbound: Arc::new(FakeOutbound::none()),
        ..shop
    };
    assert_eq!(shop.get("/product/COF-001").1["description"], "Richer.");
}

#[test]
fn v2_reads_availability_in_one_call_and_reports_null_when_inventory_is_down() {
    let stocked = |call: &Call| match call.url.strip_prefix("http://inventory/items?sku=") {
        Some(skus) => reply(
            200,
            json!({"items": skus.split(',').filter(|s| *s != "TEA-002")
                .map(|sku| json!({"sku": sku, "on_hand": 9, "reserved": 2, "available": 7})).collect::<Vec<_>>(),
                "next_page_token": null}),
        ),
        None => reply(404, json!({})),
    };
    let shop = Shop::new(Release::V2, stocked);
    let (_, page) = shop.get("/product?sku=COF-001,TEA-002");
    assert_eq!(page["items"][0]["available"], 7);
    assert_eq!(
        page["items"][1]["available"], 0,
        "a product that is not stocked has 0 available units"
    );
    assert_eq!(
        shop.outbound.sent(),
        ["GET http://inventory/items?sku=COF-001,TEA-002"]
    );
    assert_eq!(shop.get("/product/COF-001").1["available"], 7);
    assert_eq!(shop.get("/product?q=xyzzy").1["items"], json!([]));
    assert_eq!(
        shop.outbound.sent().len(),
        3,
        "an empty page must not cause a call to inventory"
    );

    let shop = Shop::without_dependencies(Release::V2);
    let (status, product) = shop.get("/product/COF-001");
    assert_eq!(status, 200);
    assert_eq!(product.get("available"), Some(&Value::Null));
    assert_eq!(
        shop.get("/product?limit=1").1["items"][0].get("available"),
        Some(&Value::Null)
    );
}
