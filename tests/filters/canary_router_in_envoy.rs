//! Tests of canary-router.wasm in a real Envoy, in front of two versions of product.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use serde_json::{Value, json};
use stoa_testkit::envoy::{
    Authority, Call, Connection, Envoy, Filter, Reply, Route, Setup, Upstream,
};

use crate::product_config;

/// An Envoy with the routes of the shop's VirtualService: by the version header, or by weight if there is no such header.
fn setup(filter: Option<&Value>) -> (Setup, [Upstream; 2]) {
    let versions = [Upstream::named("v1"), Upstream::named("v2")];
    let mut setup = Setup::new()
        .cluster("v1", versions[0].address())
        .cluster("v2", versions[1].address())
        .route(Route::prefix("/").header("x-shop-version", "v2").to("v2"))
        .route(Route::prefix("/").header("x-shop-version", "v1").to("v1"))
        .route(Route::prefix("/").weighted(&[("v1", 50), ("v2", 50)]));
    if let Some(config) = filter {
        setup = setup.filter(Filter::built("canary-router", config));
    }
    (setup, versions)
}

/// The version that responded. Checks that the response's header has the same version.
fn serving_version(reply: &Reply) -> String {
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.all("x-shop-version"),
        [reply.text().as_str()],
        "the header must have the version that responded"
    );
    reply.text()
}

fn session(reply: &Reply) -> String {
    let set = reply.all("set-cookie");
    assert_eq!(set.len(), 1, "{set:?}");
    set[0].split(';').next().unwrap().to_owned()
}

fn get(connection: &mut Connection, name: &str, value: &str) -> Reply {
    connection
        .send(&Call::get("/product").header(name, value))
        .unwrap()
}

#[test]
fn new_callers_are_split_by_weight_and_keep_their_version() {
    const CALLERS: usize = 20_000;
    let (setup, versions) = setup(Some(&json!({})));
    let envoy = setup.start();
    let mut connection = envoy.connect();
    let mut on_v2 = 0;
    for caller in 0..CALLERS {
        let first = connection.send(&Call::get("/product")).unwrap();
        let version = serving_version(&first);
        on_v2 += usize::from(version == "v2");
        if caller % 100 == 0 {
            let cookie = session(&first);
            for _ in 0..3 {
                let next = get(&mut connection, "cookie", &cookie);
                assert_eq!(serving_version(&next), version, "sticky");
                assert!(
                    next.all("set-cookie").is_empty(),
                    "a caller with a session gets no second cookie"
                );
            }
        }
    }
    // 10 % of the 20,000 callers should get v2, and the tolerance of 212 callers is 5 sigma. By chance alone, the test fails once
    // in 1.7 million runs.
    assert!(on_v2.abs_diff(CALLERS / 10) <= 212, "{on_v2} of {CALLERS}");
    let [v1, v2] = versions.map(|version| version.seen().len());
    assert_eq!(v1 + v2, CALLERS + 600);
    println!("{on_v2} of {CALLERS} callers on v2");
}

#[test]
fn while_the_weight_grows_callers_move_to_v2_once_and_never_back() {
    let (setup, _versions) = setup(Some(&product_config(0, json!({}))));
    let envoy = setup.start();
    let mut connection = envoy.connect();
    let mut before = vec![false; 500];
    for weight in [1_000, 2_500, 5_000, 10_000] {
        envoy
            .push_config("canary-router", product_config(weight, json!({})))
            .unwrap();
        let now: Vec<bool> = (0..before.len())
            .map(|caller| {
                serving_version(&get(
                    &mut connection,
                    "cookie",
                    &format!("shop-session={caller:x}"),
                )) == "v2"
            })
            .collect();
        assert!(
            before.iter().zip(&now).all(|(before, now)| now >= before),
            "a caller went back to v1"
        );
        let on_v2 = now.iter().filter(|v2| **v2).count();
        // The tolerance of 45 callers is at least 4 sigma for every weight. The sessions are the same in every run, so the result
        // never changes.
        assert!(
            on_v2.abs_diff(before.len() * weight as usize / 10_000) <= 45,
            "{on_v2} at {weight}"
        );
        before = now;
    }
    assert!(before.iter().all(|v2| *v2));
}

#[test]
fn a_header_from_outside_counts_only_if_the_configuration_permits_it() {
    let (setup, _versions) = setup(Some(&product_config(0, json!({}))));
    let envoy = setup.start();
    let mut connection = envoy.connect();
    let mut version_with =
        |name: &str, value: &str| serving_version(&get(&mut connection, name, value));
    assert_eq!(version_with("x-shop-version", "v2"), "v1", "overwritten");
    let beta = json!([{"name": "x-beta-user", "exact": "true", "version": "v2"}]);
    let open =
        json!({"choose": {"headers": beta, "from_outside": ["x-shop-version", "x-beta-user"]}});
    envoy
        .push_config("canary-router", product_config(0, open.clone()))
        .unwrap();
    assert_eq!(version_with("x-shop-version", "v2"), "v2");
    assert_eq!(version_with("x-beta-user", "true"), "v2");
    assert_eq!(version_with("x-beta-user", "false"), "v1");
    let mut killed = product_config(0, open);
    killed["everyone_on_stable"] = json!(true);
    envoy.push_config("canary-router", killed).unwrap();
    assert_eq!(
        version_with("x-shop-version", "v2"),
        "v1",
        "the kill switch overrides the header"
    );
}

#[test]
fn each_value_of_a_repeated_header_is_matched_separately_as_in_a_native_route() {
    let versions = [Upstream::named("v1"), Upstream::named("v2")];
    let native = Setup::new()
        .cluster("v1", versions[0].address())
        .cluster("v2", versions[1].address())
        .route(Route::prefix("/").header("x-beta-user", "true").to("v2"))
        .route(Route::prefix("/").to("v1"))
        .start();
    let beta = json!([{"name": "x-beta-user", "exact": "true", "version": "v2"}]);
    let choose = json!({"choose": {"headers": beta, "from_outside": ["x-beta-user"]}});
    let (setup, filtered_versions) = setup(Some(&product_config(0, choose)));
    let filtered = setup.start();
    let twice = |name: &str, [first, second]: [&str; 2]| {
        let call = Call::get("/product").header(name, first);
        call.header(name, second)
    };
    for (values, expected) in [
        (["true", "true"], "v2"),
        (["true", "false"], "v2"),
        (["false", "true"], "v2"),
        (["false", "no"], "v1"),
        (["false,true", "tru"], "v1"),
    ] {
        for (envoy, name) in [(&native, "native"), (&filtered, "the filter")] {
            let reply = envoy.send(twice("x-beta-user", values));
            assert_eq!(reply.text(), expected, "{name}: {values:?}");
        }
    }
    // A request can contain the version header several times, and a route matches if any of its values matches. So the filter must
    // remove all values that come from outside.
    filtered_versions[0].take_requests();
    for values in [["v1", "v2"], ["v2", "v1"]] {
        assert_eq!(
            serving_version(&filtered.send(twice("x-shop-version", values))),
            "v1"
        );
    }
    for seen in filtered_versions[0].take_requests() {
        assert_eq!(seen.all("x-shop-version"), ["v1"]);
    }
}

#[test]
fn a_cookie_in_several_headers_is_found_and_not_set_twice() {
    let (setup, _versions) = setup(Some(&product_config(
        0,
        json!({"choose": {"cookie": "version"}}),
    )));
    let envoy = setup.start();
    let call = Call::get("/product").header("cookie", "a=b");
    let reply = envoy.send(call.header("cookie", "version=v2"));
    assert_eq!(serving_version(&reply), "v2");

    let upstream = Upstream::start(|_: &stoa_testkit::envoy::Received| {
        stoa_testkit::envoy::Response::default()
            .header("set-cookie", "theme=dark")
            .header("set-cookie", "shop-session=1")
    });
    let envoy = Setup::new()
        .cluster("product", upstream.address())
        .filter(Filter::built("canary-router", json!({})))
        .start();
    let reply = envoy.send(Call::get("/product"));
    assert_eq!(reply.all("set-cookie"), ["theme=dark", "shop-session=1"]);
}

#[test]
fn a_version_header_from_inside_the_mesh_counts() {
    let (setup, _versions) = setup(Some(&product_config(0, json!({}))));
    let authority = Authority::new();
    let envoy = setup
        .mtls(&authority.identity("spiffe://cluster.local/ns/shop/sa/product"))
        .start();
    let mut cart = envoy.connect_as(&authority.identity("spiffe://cluster.local/ns/shop/sa/cart"));
    assert_eq!(
        serving_version(&get(&mut cart, "x-shop-version", "v2")),
        "v2"
    );
}

#[test]
fn without_the_filter_the_weights_of_the_routes_apply() {
    let (setup, _versions) = setup(None);
    let envoy = setup.start();
    let mut connection = envoy.connect();
    let on_v2 = (0..2_000)
        .filter(|_| connection.send(&Call::get("/product")).unwrap().text() == "v2")
        .count();
    // 50 % of the 2,000 requests should reach v2, and the tolerance of 112 requests is 5 sigma.
    assert!(on_v2.abs_diff(1_000) <= 112, "{on_v2}");
    assert_eq!(get(&mut connection, "x-shop-version", "v2").text(), "v2");
}

#[test]
fn the_version_header_and_the_cookie_of_the_upstream_are_kept() {
    let upstream = Upstream::start(|_: &stoa_testkit::envoy::Received| {
        stoa_testkit::envoy::Response::default()
            .header("x-shop-version", "v7")
            .header("set-cookie", "shop-session=1")
    });
    let envoy = Setup::new()
        .cluster("product", upstream.address())
        .filter(Filter::built("canary-router", json!({})))
        .start();
    let reply = envoy.send(Call::get("/product"));
    assert_eq!(reply.all("x-shop-version"), ["v7"]);
    assert_eq!(reply.all("set-cookie"), ["shop-session=1"]);
}

const KEY: &[u8] = b"a key of thirty-two bytes for the test";

/// A token that jwt_authn can verify (HS256, RFC 7515).
fn token(key: &[u8], claims: &Value) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let head = encode(
        json!({"alg": "HS256", "typ": "JWT", "kid": "test"})
            .to_string()
            .as_bytes(),
    );
    let signed = format!("{head}.{}", encode(claims.to_string().as_bytes()));
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
}

/// An Envoy with jwt_authn before canary-router.
fn start_with_jwt_authn(config: &Value) -> (Envoy, [Upstream; 2]) {
    let jwks = json!({"keys": [{"kty": "oct", "alg": "HS256", "kid": "test", "k": URL_SAFE_NO_PAD.encode(KEY)}]});
    let authn = json!({"@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"user": {"issuer": "stoa", "payload_in_metadata": "payload", "forward": true,
            "local_jwks": {"inline_string": jwks.to_string()}}},
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [
            {"provider_name": "user"}, {"allow_missing": {}}]}}}]});
    let (setup, versions) = setup(None);
    let setup = setup
        .filter(Filter::native("envoy.filters.http.jwt_authn", authn))
        .filter(Filter::built("canary-router", config));
    (setup.start(), versions)
}

#[test]
fn the_user_and_the_groups_come_from_the_verified_token() {
    let lists = json!({"choose": {"users": [{"version": "v2", "names": ["ann"]}],
        "groups": [{"version": "v2", "names": ["staff"]}]}});
    let (envoy, _versions) = start_with_jwt_authn(&product_config(0, lists));
    let send_with_token = |key: &[u8], claims: Value| {
        let bearer = format!("Bearer {}", token(key, &claims));
        envoy.send(Call::get("/product").header("authorization", &bearer))
    };
    assert_eq!(
        serving_version(&send_with_token(KEY, json!({"iss": "stoa", "sub": "ann"}))),
        "v2"
    );
    assert_eq!(
        serving_version(&send_with_token(KEY, json!({"iss": "stoa", "sub": "bob"}))),
        "v1"
    );
    assert_eq!(
        serving_version(&send_with_token(
            KEY,
            json!({"iss": "stoa", "sub": "bob", "groups": "staff"})
        )),
        "v2"
    );
    assert_eq!(
        serving_version(&send_with_token(
            KEY,
            json!({"iss": "stoa", "sub": "bob", "groups": ["people", "staff"]})
        )),
        "v2"
    );
    assert_eq!(
        serving_version(&send_with_token(
            KEY,
            json!({"iss": "stoa", "sub": "bob", "groups": ["people"]})
        )),
        "v1"
    );
    let forged = send_with_token(
        b"another key of thirty-two bytes length",
        json!({"iss": "stoa", "sub": "ann"}),
    );
    assert_eq!(forged.status, 401);
    assert_eq!(serving_version(&envoy.send(Call::get("/product"))), "v1");
}

#[test]
fn without_jwt_authn_a_token_is_ignored() {
    let lists = json!({"choose": {"users": [{"version": "v2", "names": ["ann"]}]}});
    let (setup, _versions) = setup(Some(&product_config(0, lists)));
    let envoy = setup.start();
    let bearer = format!(
        "Bearer {}",
        token(KEY, &json!({"iss": "stoa", "sub": "ann"}))
    );
    assert_eq!(
        serving_version(&envoy.send(Call::get("/product").header("authorization", &bearer))),
        "v1"
    );
}

#[test]
fn every_choice_is_counted_by_service_version_and_reason() {
    let (setup, _versions) = setup(Some(&product_config(
        0,
        json!({"choose": {"from_outside": ["x-shop-version"]}}),
    )));
    let envoy = setup.start();
    let mut connection = envoy.connect();
    for _ in 0..3 {
        get(&mut connection, "x-shop-version", "v2");
    }
    get(&mut connection, "user-agent", "kube-probe/1.33");
    connection.send(&Call::get("/product")).unwrap();
    let random = "wasmcustom.canary_router.product.v1.random";
    envoy.wait_for_stat(random, |count| count == 1);
    let counters = envoy.stats("wasmcustom.canary_router.product.");
    let expected = [("v1.health-check", 1), ("v1.random", 1), ("v2.header", 3)]
        .map(|(name, value)| (format!("wasmcustom.canary_router.product.{name}"), value));
    assert_eq!(counters, expected.into());
}

#[test]
fn an_invalid_configuration_is_rejected_with_all_faults_and_the_previous_configuration_stays() {
    let (setup, _versions) = setup(Some(&product_config(10_000, json!({}))));
    let envoy = setup.start();
    let rejected = envoy
        .push_config(
            "canary-router",
            json!({"services": [{"name": "a"}], "x": 1}),
        )
        .unwrap_err();
    for fault in [
        "services[0].versions: missing",
        "services[0].stable: missing",
        "x: unknown",
    ] {
        assert!(rejected.log.contains(fault), "{}", rejected.log);
    }
    assert_eq!(serving_version(&envoy.send(Call::get("/product"))), "v2");
}
