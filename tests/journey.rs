//! Tests of a customer's journey: register, browse, fill a cart, order, pay, track the parcel, and read the notifications. The
//! tests check the effects of each step in the stock, the processor's ledger, the carrier's records, the inbox and the order's
//! timeline.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
)]

mod customer;

use customer::{Customer, Operator, items, text};
use serde_json::{Value, json};
use stoa_testkit::{Shop, ShopOptions, TlsPostgres};

/// Makes the whole journey. Returns the shop's log.
fn journey(options: ShopOptions) -> String {
    // In a mesh, 10 % of the customers get the next release, v2.
    let releases: &[&str] = if options.mesh { &["v1", "v2"] } else { &["v1"] };
    let mut shop = Shop::start(options);
    let operator = Operator::of_shop(&shop);
    let customer = Customer::register(&shop, "ann");

    // Browse without a log-in. The catalogue has at least 60 products in 6 categories.
    let mut products = Vec::new();
    let mut path = "/product?limit=100".to_owned();
    loop {
        let page = shop.gateway().get(&path).send().expect(200);
        let release = page.header("x-shop-version").unwrap_or("none");
        assert!(releases.contains(&release), "{release}");
        products.extend(items(&page.json));
        match page.json["next_page_token"].as_str() {
            Some(token) => path = format!("/product?limit=100&page_token={token}"),
            None => break,
        }
    }
    let mut categories: Vec<String> = products.iter().map(|p| text(p, "category")).collect();
    categories.sort();
    categories.dedup();
    assert!(
        products.len() >= 60 && categories.len() >= 6,
        "{} in {categories:?}",
        products.len()
    );
    assert_eq!(products.iter().filter(|p| p["price"].is_null()).count(), 1);
    let found = shop.gateway().get("/product?q=grinder").send().expect(200);
    let product = items(&found.json).remove(0);
    let sku = text(&product, "sku");
    let price = product["price"]["amount"].as_i64().unwrap();
    // The page of a single product contains the description from the PIM (the third party for product texts). The PIM's first
    // response is slow, because it creates its tables. The product service would not wait for this response.
    let pim = operator
        .client()
        .get(&format!("/pim/products/{sku}"))
        .send()
        .expect(200);
    let one = shop
        .gateway()
        .get(&format!("/product/{}", text(&product, "product_id")))
        .send()
        .expect(200);
    assert_eq!(one.json["description"], pim.json["description"]);

    // Fill the cart. A quantity above the stock is rejected.
    let (on_hand, reserved, available) = operator.stock(&sku);
    assert_eq!(reserved, 0);
    operator.set_stock("TEA-001", 1);
    let _ = customer.put_in_cart(&sku, 2).expect(200);
    let _ = customer.put_in_cart("TEA-001", 1).expect(200);
    let too_many = customer.put_in_cart("TEA-001", 2).expect(409);
    assert_eq!(too_many.json["code"], "insufficient_stock");
    let cart = customer.get("/cart").expect(200).json;
    let tea = shop
        .gateway()
        .get("/product/TEA-001")
        .send()
        .expect(200)
        .json["price"]["amount"]
        .as_i64()
        .unwrap();
    let total = json!({"amount": 2 * price + tea, "currency": "EUR"});
    assert_eq!((items(&cart).len(), &cart["total"]), (2, &total));

    // Order and pay.
    let before = operator.ledger().len();
    let order = customer.order_cart("tok_visa").expect(201).json;
    let order_id = text(&order, "order_id");
    assert_eq!(
        (text(&order, "status").as_str(), &order["total"]),
        ("confirmed", &total)
    );
    assert_eq!(operator.stock(&sku), (on_hand - 2, 0, available - 2));
    assert_eq!(operator.stock("TEA-001"), (0, 0, 0));
    let payment_id = text(&order["payment"], "payment_id");
    let entries: Vec<Value> = operator.ledger().split_off(before);
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(
        (
            &entries[0]["kind"],
            &entries[0]["reference"],
            &entries[0]["amount"]
        ),
        (&json!("capture"), &json!(payment_id), &total)
    );
    let timeline = order["timeline"].as_array().unwrap();
    assert!(timeline.len() >= 5, "{timeline:?}");
    assert_eq!(
        items(&customer.get("/cart").expect(200).json),
        Vec::<Value>::new()
    );
    assert_eq!(
        customer.get(&format!("/order/{order_id}")).expect(200).json,
        order
    );

    // Track the parcel. The carrier moves the parcel, and sends signed reports to the shop.
    let tracking = text(&order["shipment"], "tracking_number");
    let book = operator.list_unpaged(&format!(
        "/carrier/shipments?reference={}",
        text(&order["shipment"], "shipment_id")
    ));
    assert_eq!(text(&book[0], "tracking_number"), tracking);
    for status in ["picked_up", "in_transit", "out_for_delivery", "delivered"] {
        let path = format!("/carrier/shipments/{tracking}/advance");
        let _ = operator
            .client()
            .post(&path)
            .json(&json!({"status": status}))
            .send()
            .expect(200);
        let parcel = shop
            .gateway()
            .get(&format!("/shipping/{tracking}"))
            .send()
            .expect(200)
            .json;
        assert_eq!(parcel["status"], status);
    }
    let parcel = shop
        .gateway()
        .get(&format!("/shipping/{tracking}"))
        .send()
        .expect(200)
        .json;
    assert!(parcel["events"].as_array().unwrap().len() >= 4);
    let late = customer.post(
        &format!("/order/{order_id}/cancel"),
        &customer::key(),
        &json!({}),
    );
    assert_eq!(late.expect(409).json["code"], "handed_over");

    // Read the notifications. The courier must have sent each mail once.
    customer.wait_for_message("stoa.order.confirmed", &order_id);
    customer.wait_for_message("stoa.shipment.delivered", &order_id);
    let mails = stoa_testkit::wait_for(customer::EFFECT_TIMEOUT, "at least two mails", || {
        let mails = operator.list(&format!("/courier/messages?to={}", customer.email));
        (mails.len() >= 2).then_some(mails)
    });
    let mut subjects: Vec<String> = mails.iter().map(|m| text(m, "subject")).collect();
    let sent = subjects.len();
    subjects.sort();
    subjects.dedup();
    assert_eq!(sent, subjects.len(), "a mail was sent twice: {subjects:?}");

    // The order is unchanged after a restart.
    let order = customer.get(&format!("/order/{order_id}")).expect(200).json;
    shop.restart();
    let customer = customer.after_restart(&shop);
    assert_eq!(
        customer.get(&format!("/order/{order_id}")).expect(200).json,
        order
    );
    shop.stop();
    shop.log()
}

#[test]
fn a_customer_orders_and_receives_a_parcel() {
    journey(ShopOptions::checked());
}

#[test]
fn the_journey_works_without_timers() {
    journey(ShopOptions::checked().timers(false));
}

/// Each service has a role with a password of its own, and the role may connect only to the database of this service.
#[test]
fn the_journey_works_on_postgresql_with_tls_and_passwords() {
    let server = TlsPostgres::start();
    let options = server.options(ShopOptions::checked(), "open-sesame-{service}");
    let log = journey(options);
    assert!(!log.contains("open-sesame"), "a password is in the log");

    let mut administrator = server.administrator();
    let with_tables = "SELECT datname, usename FROM pg_stat_database JOIN pg_user ON usename LIKE 'shop%' \
                       WHERE datname LIKE 'shop%' AND has_database_privilege(usename, datname, 'CONNECT') ORDER BY 1";
    let permitted = administrator.query(with_tables, &[]).unwrap();
    let permitted: Vec<(String, String)> = permitted.iter().map(|r| (r.get(0), r.get(1))).collect();
    assert_eq!(permitted.len(), stoa_testkit::SERVICES.len());
    assert!(permitted.iter().all(|(d, r)| d == r), "{permitted:?}");
}

#[test]
fn the_journey_works_in_the_mesh() {
    journey(ShopOptions::mesh());
}

#[test]
fn the_next_release_serves_product_v2() {
    let shop = Shop::start(ShopOptions::checked().canary());
    let page = shop.gateway().get("/product?q=tea").send().expect(200);
    assert_eq!(page.header("x-shop-version"), Some("v2"));
    for product in items(&page.json) {
        assert!(product["available"].is_i64(), "{product}");
    }
}

#[test]
fn a_product_can_be_read_while_the_pim_fails() {
    let shop = Shop::start(ShopOptions::checked());
    let operator = Operator::of_shop(&shop);
    operator.script("pim", &json!({"mode": "error", "status": 503}));
    let one = shop.gateway().get("/product/COF-001").send().expect(200);
    assert_eq!(one.json["sku"], "COF-001");
    assert!(one.json["description"].is_string());
}

#[test]
fn internal_operations_are_unreachable_from_outside() {
    assert_internal_operations_unreachable(&Shop::start(ShopOptions::checked()));
}

#[test]
fn internal_operations_are_unreachable_through_the_gateway_of_the_mesh() {
    assert_internal_operations_unreachable(&Shop::start(ShopOptions::mesh()));
}

fn assert_internal_operations_unreachable(shop: &Shop) {
    for (method, path) in [
        ("GET", "/payments"),
        ("POST", "/payments"),
        ("GET", "/items"),
        ("PUT", "/items/COF-001"),
        ("GET", "/reservations"),
        ("POST", "/shipments"),
        ("GET", "/shipments"),
        ("POST", "/events"),
        ("GET", "/internal/orders"),
        ("POST", "/internal/orders/recover"),
        ("POST", "//internal/orders/recover"),
        ("POST", "/internal%2Forders/recover"),
        ("POST", "/order/../internal/orders/recover"),
        ("DELETE", "/internal/carts/x"),
        ("GET", "/processor/ledger"),
        ("PUT", "/script/pim"),
    ] {
        let answer = shop.gateway().request(method, path).send();
        assert!(
            matches!(answer.status, 404 | 405),
            "{method} {path}: {}",
            answer.status
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{method} {path}"
        );
    }
}
