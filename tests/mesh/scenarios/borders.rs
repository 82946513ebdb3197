//! Tests of scenarios with callers without an identity, and with calls that leave the mesh.

use std::io::ErrorKind;

use serde_json::json;
use stoa_testkit::envoy::{Call, Connection};
use stoa_testkit::wait_until;

use super::stage::Scenario;
use crate::customer::{EFFECT_TIMEOUT, key, text};

const PARTNERS: &str = "partners.partners.svc.cluster.local";

pub(super) fn mtls_shop_migration(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let calls = [
        ("product", "GET", "/product"),
        ("product", "GET", "/product/COF-001"),
        ("product", "POST", "/product/x/buy"),
        ("cart", "GET", "/cart"),
        ("payment", "GET", "/payments"),
    ];
    let (with, without) = scenario.measure_with_and_without(|| {
        let plain = calls.map(|(callee, method, path)| {
            let call = Call::new(method, path)
                .header("x-request-id", &key())
                .body("");
            let connection = Connection::plain(stage.mesh.workload(callee).inbound());
            let reply = connection.and_then(|mut connection| connection.send(&call));
            reply
                .map(|reply| {
                    (
                        reply.status,
                        reply.header("x-request-id").unwrap().to_owned(),
                    )
                })
                .map_err(|error| error.kind())
        });
        // Callers with an identity have the same access with and without the scenario.
        let as_order = |path: &str| {
            let call = Call::get(path).header("x-request-id", &key());
            let reply = stage.mesh.connect("order", "product").send(&call).unwrap();
            (
                reply.status,
                reply.header("x-request-id").unwrap().to_owned(),
            )
        };
        let (status, request_id) = as_order("/product/COF-001");
        assert_eq!(status, 200);
        assert_eq!(
            stage.line("product-v1-0", &request_id)["downstream_tls_version"],
            "TLSv1.3"
        );
        assert_eq!(as_order("/nowhere").0, 403);
        let denied = stage
            .mesh
            .connect("storefront", "payment")
            .send(&Call::get("/payments"));
        assert_eq!(denied.unwrap().status, 403);
        let _ = stage.customer.get("/cart").expect(200);
        plain
    });
    println!("   plaintext: with {with:?}; without {without:?}");
    let statuses = with
        .each_ref()
        .map(|reply| reply.as_ref().map(|(status, _)| *status));
    assert_eq!(statuses, [Ok(200), Ok(200), Ok(403), Ok(403), Ok(403)]);
    let line = stage.line("product-v1-0", &with[0].as_ref().unwrap().1);
    assert!(
        line["downstream_tls_version"].is_null() && line["downstream_principal"].is_null(),
        "{line}"
    );
    let closed = [
        ErrorKind::UnexpectedEof,
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
    ];
    for reply in without {
        assert!(
            matches!(&reply, Err(kind) if closed.contains(kind)),
            "{reply:?}"
        );
    }
}

pub(super) fn egress_partners_blocked(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let order = stage
        .customer
        .order(&key(), "COF-001", 1, "tok_visa")
        .expect(201)
        .json;
    let tracking = text(&order["shipment"], "tracking_number");
    // The subject lines of the customer's mails that contain the text `number` in the body.
    let mails = |number: &str| {
        let mails = stage
            .operator
            .list(&format!("/courier/messages?to={}", stage.customer.email));
        let about = mails
            .iter()
            .filter(|mail| text(mail, "body").contains(number));
        about.map(|mail| text(mail, "subject")).collect::<Vec<_>>()
    };
    wait_until(EFFECT_TIMEOUT, "the mail about the order", || {
        mails(&tracking).len() == 1
    });

    scenario.activate();
    let call = |workload, path| {
        let reply = stage.send_from(workload, Call::get(path), PARTNERS);
        (reply.status, reply.json()["code"] == "bad_gateway")
    };
    let calls = [
        ("product", "/pim/products/COF-001"),
        ("payment", "/processor/ledger"),
        ("shipping", "/carrier/shipments?reference=none"),
        ("notification", "/courier/messages"),
    ];
    for (workload, path) in calls {
        assert_eq!(call(workload, path), (502, true), "{workload}");
    }
    // The catalogue works without the PIM.
    let product = stage
        .shop
        .gateway()
        .get("/product/COF-002")
        .header("x-shop-version", "v2")
        .send()
        .expect(200);
    let request_id = product.header("x-request-id").unwrap().to_owned();
    wait_until(
        EFFECT_TIMEOUT,
        "a blocked call of product to the PIM",
        || {
            let lines = stage.mesh.access_log("product-v2").into_iter();
            lines
                .filter(|line| line["request_id"] == *request_id)
                .any(|line| line["route_name"] == "block_all")
        },
    );
    // An order is not confirmed, and the customer is not charged.
    let ledger = stage.operator.ledger().len();
    let again = key();
    let refused = stage
        .customer
        .order(&again, "COF-001", 1, "tok_visa")
        .expect(503);
    assert_eq!(refused.json["code"], "order_pending");
    assert_eq!(stage.operator.recover()["pending"], 1);
    assert_eq!(stage.operator.ledger().len(), ledger);
    // The carrier delivers the parcel, but the mail about the delivery cannot be sent.
    let advance = format!("/carrier/shipments/{tracking}/advance");
    let _ = stage
        .operator
        .client()
        .post(&advance)
        .json(&json!({"status": "delivered"}))
        .send()
        .expect(200);
    stage.operator.run_timers();
    stage
        .customer
        .wait_for_message("stoa.shipment.delivered", &text(&order, "order_id"));
    assert_eq!(
        mails(&tracking).len(),
        1,
        "a mail was sent although calls to the courier are blocked"
    );

    scenario.deactivate();
    for (workload, path) in calls {
        assert_eq!(call(workload, path), (200, false), "{workload}");
    }
    // The order and the mails that failed during the scenario now succeed, each once.
    assert_eq!(stage.operator.recover()["pending"], 0);
    let confirmed = stage.customer.order(&again, "COF-001", 1, "tok_visa");
    assert_eq!(
        (confirmed.status, &confirmed.json["status"]),
        (201, &json!("confirmed"))
    );
    assert_eq!(stage.operator.ledger().len(), ledger + 1);
    let order_id = text(&confirmed.json, "order_id");
    wait_until(EFFECT_TIMEOUT, "the postponed mails", || {
        stage.operator.run_timers();
        mails(&tracking).len() == 2 && mails(&order_id).len() == 1
    });
    println!("   mails: {:?}, {:?}", mails(&tracking), mails(&order_id));
}
