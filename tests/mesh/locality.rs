//! Replicas in two zones. `istio-compile --zone` distributes them as a scheduler would. Istio turns the zones into priorities,
//! which differ for each caller.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_testkit::mesh::{Mesh, istio_compile};
use stoa_testkit::{Play, Shop, ShopOptions, Stub, wait_until};

const ZONES: [&str; 2] = ["eu-west/a", "eu-west/b"];
/// The gateway is in the first zone, and so is product's first replica.
const NEAR: &str = "product-v1-0";
const FAR: &str = "product-v1-1";
/// Half a minute of ejection, with time to spare for a slow machine.
const RETURN: Duration = Duration::from_secs(90);

/// The zone of each replica, with the priority that the gateway gives it.
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
    let of = |group: &Value| {
        let zone = group["locality"]["zone"].as_str().unwrap().to_owned();
        (zone, group["priority"].as_u64().unwrap_or(0))
    };
    groups.iter().map(of).collect()
}

#[test]
fn calls_stay_in_their_zone_leave_it_when_it_fails_and_come_back() {
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
    let asked = |replica: &str| mesh.stat(replica, r"^http\.inbound.*downstream_rq_total$");
    // The number of visits that each replica gets out of `count`, and whether all succeed.
    let tries = |count: u64| {
        let before = (asked(NEAR), asked(FAR));
        let answered = (0..count).filter(|_| visit() == 200).count();
        let seen = (asked(NEAR) - before.0, asked(FAR) - before.1);
        (seen, u64::try_from(answered) == Ok(count))
    };
    let visits = |count: u64| {
        let (seen, answered) = tries(count);
        assert!(answered);
        seen
    };
    let ejected = || {
        let of = r"outbound\|80\|v1\|product.*ejections_active$";
        mesh.stat("istio-ingressgateway", of)
    };
    assert_eq!(visits(60), (60, 0), "with both zones well");

    // The sidecar runs, but its component does not.
    let failing = Stub::start(|_| Play::Cut);
    let down = mesh.stand_in(NEAR, &failing);
    // Callers usually see no failure: a failed attempt is retried, and the third failure ejects the replica. On a busy machine all
    // attempts may end before every Envoy worker has the ejection.
    wait_until(RETURN, "calls to leave the zone", || {
        tries(1) == ((0, 1), true) && ejected() == 1
    });
    let failures = failing.seen("/").len();
    assert_eq!(visits(60), (0, 60), "with the near one ejected");
    assert_eq!(failing.seen("/").len(), failures, "it was called");
    drop(down);
    wait_until(RETURN, "calls to come back", || {
        visits(1) == (1, 0) && ejected() == 0
    });
    assert_eq!(visits(60), (60, 0), "with both zones well again");
    println!("{failures} failures; 60 of 60 to the other zone, and back");
}

#[test]
fn without_zones_both_replicas_are_asked() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    for _ in 0..60 {
        let request = shop.gateway().get("/product/COF-001");
        let _ = request.header("x-shop-version", "v1").send().expect(200);
    }
    let asked =
        [NEAR, FAR].map(|replica| mesh.stat(replica, r"^http\.inbound.*downstream_rq_total$"));
    println!("without zones: {}", json!(asked));
    assert!(
        asked.iter().sum::<u64>() >= 60 && asked.iter().all(|count| *count >= 20),
        "{asked:?}"
    );
}
