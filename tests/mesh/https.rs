//! The gateway over TLS.

use std::net::SocketAddr;

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Connection};
use stoa_testkit::{Shop, ShopOptions, wait_until};

use crate::customer::{SOON, key};

#[test]
fn the_gateway_answers_by_tls_too_and_takes_a_new_certificate_while_it_runs() {
    let mut options = ShopOptions::mesh().timers(false);
    options.arguments = vec!["--certificate-lifetime".to_owned(), "8s".to_owned()];
    let shop = Shop::start(options);
    let mesh = shop.mesh();
    let gateway = mesh.workload("istio-ingressgateway");
    let https = SocketAddr::from((gateway.ip, 8443));
    let authority = mesh.identity("istio-ingressgateway").authority;
    let open = || Connection::secure(https, &authority).unwrap();

    let id = key();
    let mut kept = open();
    let ask = |connection: &mut Connection, id: &str| {
        let call = Call::get("/product/COF-001").header("x-shop-version", "v1");
        let reply = connection.send(
            &call
                .header("host", "shop.example.com")
                .header("x-request-id", id),
        );
        reply.unwrap().expect(200)
    };
    let reply = ask(&mut kept, &id);
    // The same response as over plain HTTP, which still works: no manifest redirects it to HTTPS.
    let plain = shop
        .gateway()
        .get("/product/COF-001")
        .header("x-shop-version", "v1");
    let plain = plain.send().expect(200);
    assert_eq!(reply.json(), plain.json);
    assert_eq!(reply.header("x-shop-version"), Some("v1"));
    let line = || -> Option<Value> {
        let lines = mesh.access_log("istio-ingressgateway").into_iter();
        lines.rev().find(|line| line["request_id"] == *id)
    };
    wait_until(SOON, "the line of the request", || line().is_some());
    let line = line().unwrap();
    assert_eq!(line["downstream_tls_version"], "TLSv1.3");
    assert_eq!(line["response_code"], 200);
    // Clients present no certificate here.
    assert!(line["downstream_principal"].is_null(), "{line}");
    // Policies apply here as well.
    let reply = open().send(&Call::get("/internal/orders")).unwrap();
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (404, &json!("not_found"))
    );
    let forged = Call::get("/order").header("authorization", "Bearer x.y.z");
    assert_eq!(open().send(&forged).unwrap().status, 401);

    // Plain text, and a client that trusts another authority.
    let plaintext = Connection::plain(https).and_then(|mut c| c.send(&Call::get("/product")));
    assert!(plaintext.is_err(), "{plaintext:?}");
    let stranger = stoa_testkit::envoy::Authority::new()
        .server("x.example.com")
        .authority;
    let wrong =
        Connection::secure(https, &stranger).and_then(|mut c| c.send(&Call::get("/product")));
    assert!(wrong.is_err(), "{wrong:?}");

    let shown = || {
        let mut connection = open();
        ask(&mut connection, &key());
        connection.shown().unwrap()
    };
    let first = shown();
    wait_until(SOON, "a new certificate", || shown() != first);
    // An existing connection stays open.
    ask(&mut kept, &key());
    assert_ne!(kept.shown(), Some(shown()));
}
