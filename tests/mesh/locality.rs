//! Tests of replicas in two zones. `istio-compile --zone` distributes the replicas as a scheduler would. From the zones, Istio
//! generates priorities of the replicas. The priorities differ from caller to caller.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_testkit::mesh::{Mesh, istio_compile};
use stoa_testkit::{Shop, ShopOptions, Stub, StubResponse, wait_until};

const ZONES: [&str; 2] = ["eu-west/a", "eu-west/b"];
/// The replica of product in the first zone, where the gateway is.
const NEAR: &str = "product-v1-0";
/// The replica of product in the second zone.
const FAR: &str = "product-v1-1";
/// Timeout for an ejection to begin, and for an ejection to end. An ejection lasts half a minute; the timeout is longer because of
/// slow machines.
const EJECTION_TIMEOUT: Duration = Duration::from_secs(90);

/// The zone of each replica of product, and the priority that the gateway's Envoy gives to the replica.
fn priorities(mesh: &Mesh) -> Vec<(String, u64)> {
    let file = mesh
        .folder("istio-ingressgateway")
        .join("cds/clusters.json");
    let clusters: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let clusters = clusters["resources"].as_array().unwrap();
    let name = "outbound|80|v1|product.shop.svc.cluster.local";
    let cluster = clusters.iter().find(|c| c["name"] == name).unwrap();
    assert_eq!(cluster["type"], "STATIC");
    let groups = cluster["load_assignment"]["endpoints"].as_array().unwrap();
    let zone_and_priority = |group: &Value| {
        let zone = group["locality"]["zone"].as_str().unwrap().to_owned();
        (zone, group["priority"].as_u64().unwrap_or(0))
    };
    groups.iter().map(zone_and_priority).collect()
}

#[test]
fn calls_stay_in_their_zone_and_use_the_other_zone_while_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let zones = ZONES.iter().flat_map(|zone| ["--zone", zone]);
    let arguments: Vec<_> = zones.chain(["k8s/overlays/local"]).collect();
    istio_compile(&arguments, folder.path());
    let options = ShopOptions::mesh().timers(false).compiled(folder.path());
    let shop = Shop::start(options);
    let mesh = shop.mesh();
    let expected = [("a".to_owned(), 0), ("b".to_owned(), 1)];
    assert_eq!(priorities(&mesh), expected);

    let visit = || {
        let request = shop.gateway().get("/product/COF-001");
        request.header("x-shop-version", "v1").send().status
    };
    let requests = |replica: &str| mesh.stat(replica, r"^http\.inbound.*downstream_rq_total$");
    // Sends `count` visits. Returns the number of requests at each replica, and whether all visits succeeded.
    let try_visits = |count: u64| {
        let before = (requests(NEAR), requests(FAR));
        let succeeded = (0..count).filter(|_| visit() == 200).count();
        let received = (requests(NEAR) - before.0, requests(FAR) - before.1);
        (received, u64::try_from(succeeded) == Ok(count))
    };
    let visits = |count: u64| {
        let (received, all_succeeded) = try_visits(count);
        assert!(all_succeeded);
        received
    };
    let ejected = || {
        let stat = r"outbound\|80\|v1\|product.*ejections_active$";
        mesh.stat("istio-ingressgateway", stat)
    };
    assert_eq!(visits(60), (60, 0), "while both zones work");

    // The sidecar of the near replica runs, but the component behind the sidecar closes every connection without a response.
    let failing = Stub::start(|_| StubResponse::Disconnect);
    let down = mesh.stand_in(NEAR, &failing);
    // Callers usually see no failure: a failed attempt is retried, and the third failure ejects the replica. On a busy machine, all
    // attempts of a call may fail before every worker of the gateway's Envoy has applied the ejection.
    wait_until(EJECTION_TIMEOUT, "calls to leave the zone", || {
        try_visits(1) == ((0, 1), true) && ejected() == 1
    });
    let failures = failing.seen("/").len();
    assert_eq!(visits(60), (0, 60), "while the near replica is ejected");
    assert_eq!(
        failing.seen("/").len(),
        failures,
        "the ejected replica was called"
    );
    drop(down);
    wait_until(EJECTION_TIMEOUT, "calls to come back", || {
        visits(1) == (1, 0) && ejected() == 0
    });
    assert_eq!(visits(60), (60, 0), "when both zones work again");
    println!(
        "{failures} failed attempts; then 60 of 60 calls went to the other zone, and later 60 of 60 to the near zone again"
    );
}

#[test]
fn without_zones_both_replicas_get_requests() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    for _ in 0..60 {
        let request = shop.gateway().get("/product/COF-001");
        let _ = request.header("x-shop-version", "v1").send().expect(200);
    }
    let requests =
        [NEAR, FAR].map(|replica| mesh.stat(replica, r"^http\.inbound.*downstream_rq_total$"));
    println!("without zones: {}", json!(requests));
    assert!(
        requests.iter().sum::<u64>() >= 60 && requests.iter().all(|count| *count >= 20),
        "{requests:?}"
    );
}
