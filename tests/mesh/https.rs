//! Tests of the gateway over TLS.

use std::net::SocketAddr;

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Connection};
use stoa_testkit::{Shop, ShopOptions, wait_until};

use crate::customer::{EFFECT_TIMEOUT, key};

#[test]
fn the_gateway_supports_tls_and_uses_a_renewed_certificate_without_a_restart() {
    let mut options = ShopOptions::mesh().timers(false);
    options.arguments = vec!["--certificate-lifetime".to_owned(), "8s".to_owned()];
    let shop = Shop::start(options);
    let mesh = shop.mesh();
    let gateway = mesh.workload("istio-ingressgateway");
    let https = SocketAddr::from((gateway.ip, 8443));
    let authority = mesh.identity("istio-ingressgateway").authority;
    let open = || Connection::tls(https, &authority).unwrap();

    let id = key();
    let mut first_connection = open();
    let read = |connection: &mut Connection, id: &str| {
        let call = Call::get("/product/COF-001").header("x-shop-version", "v1");
        let reply = connection.send(
            &call
                .header("host", "shop.example.com")
                .header("x-request-id", id),
        );
        reply.unwrap().expect(200)
    };
    let reply = read(&mut first_connection, &id);
    // Plain HTTP gets the same response, because no manifest redirects it to HTTPS.
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
    wait_until(EFFECT_TIMEOUT, "the log line of the request", || {
        line().is_some()
    });
    let line = line().unwrap();
    assert_eq!(line["downstream_tls_version"], "TLSv1.3");
    assert_eq!(line["response_code"], 200);
    // Clients need no certificate at the gateway.
    assert!(line["downstream_principal"].is_null(), "{line}");
    // The policies apply to requests over TLS too.
    let reply = open().send(&Call::get("/internal/orders")).unwrap();
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (404, &json!("not_found"))
    );
    let forged = Call::get("/order").header("authorization", "Bearer x.y.z");
    assert_eq!(open().send(&forged).unwrap().status, 401);

    // A request in plain text fails. A client that does not trust the certificate's authority fails too.
    let plaintext = Connection::plain(https).and_then(|mut c| c.send(&Call::get("/product")));
    assert!(plaintext.is_err(), "{plaintext:?}");
    let other_authority = stoa_testkit::envoy::Authority::new()
        .server("x.example.com")
        .authority;
    let wrong =
        Connection::tls(https, &other_authority).and_then(|mut c| c.send(&Call::get("/product")));
    assert!(wrong.is_err(), "{wrong:?}");

    let certificate = || {
        let mut connection = open();
        read(&mut connection, &key());
        connection.peer_certificate().unwrap()
    };
    let first = certificate();
    wait_until(EFFECT_TIMEOUT, "a new certificate", || {
        certificate() != first
    });
    // The connection that the test opened first is still open, with the old certificate.
    read(&mut first_connection, &key());
    assert_ne!(first_connection.peer_certificate(), Some(certificate()));
}
