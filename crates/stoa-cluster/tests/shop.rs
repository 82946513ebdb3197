//! Applies the overlays of k8s/overlays to a control plane with SpinKube's operator and Istio's webhooks, and checks the result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use stoa_cluster::{ControlPlane, Kubectl};

/// Deadline for the controllers to reconcile a change.
const RECONCILE_DEADLINE: Duration = Duration::from_secs(60);

fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.unwrap().to_owned()
}

fn start() -> ControlPlane {
    let mut plane = ControlPlane::start(&workspace()).unwrap_or_else(|error| panic!("{error}"));
    plane
        .start_spin_operator()
        .unwrap_or_else(|error| panic!("{error}"));
    plane
        .start_istiod()
        .unwrap_or_else(|error| panic!("{error}"));
    let schemas = workspace().join("tools/istio-manifests/testdata/crds");
    for group in [
        "cert-manager.io_certificates",
        "secrets-store.csi.x-k8s.io_secretproviderclasses",
    ] {
        let schema = std::fs::read_to_string(schemas.join(format!("{group}.yaml"))).unwrap();
        plane.kubectl().apply(&schema).unwrap();
    }
    plane
}

fn render(kubectl: &Kubectl, overlay: &str) -> String {
    let folder = workspace().join("k8s/overlays").join(overlay);
    let rendered = kubectl.run(&["kustomize", folder.to_str().unwrap()]);
    rendered.unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until `condition` returns `Ok`. Panics with the last `Err` after [`RECONCILE_DEADLINE`].
fn wait(condition: impl Fn() -> Result<(), String>) {
    let begun = Instant::now();
    while let Err(reason) = condition() {
        assert!(begun.elapsed() < RECONCILE_DEADLINE, "{reason}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The objects of a kind in all namespaces.
fn list(kubectl: &Kubectl, kind: &str) -> Vec<Value> {
    let found = kubectl.get(&[kind, "--all-namespaces"]);
    let mut found = found.unwrap_or_else(|error| panic!("{error}"));
    match found["items"].take() {
        Value::Array(items) => items,
        other => panic!("{kind}: {other}"),
    }
}

fn name(object: &Value) -> String {
    let member = |name: &str| object["metadata"][name].as_str().unwrap_or("").to_owned();
    format!("{}/{}", member("namespace"), member("name"))
}

fn is_in_the_shop(object: &Value) -> bool {
    let namespace = object["metadata"]["namespace"].as_str();
    namespace.is_some_and(|namespace| ["shop", "partners", "database"].contains(&namespace))
}

/// The names and the versions of the resources that an apply may change.
fn versions(kubectl: &Kubectl) -> BTreeMap<String, String> {
    let kinds = "spinapps,spinappexecutors,services,serviceaccounts,networkpolicies,poddisruptionbudgets,virtualservices,\
                 destinationrules,authorizationpolicies,sidecars,wasmplugins,cronjobs";
    let generation = |object: &Value| object["metadata"]["resourceVersion"].to_string();
    let found = list(kubectl, kinds).into_iter().filter(is_in_the_shop);
    // spin-operator writes the status of a SpinApp, which changes its resourceVersion, so its generation is compared.
    found
        .map(|object| {
            let kind = object["kind"].as_str().unwrap_or("").to_owned();
            let version = match kind.as_str() {
                "SpinApp" | "PodDisruptionBudget" | "CronJob" => {
                    object["metadata"]["generation"].to_string()
                }
                _ => generation(&object),
            };
            (format!("{kind} {}", name(&object)), version)
        })
        .collect()
}

/// What an overlay makes.
struct Expected {
    overlay: &'static str,
    spin_apps: usize,
    /// All Pods, without those of CronJobs, which depend on the time.
    pods: usize,
    /// Whether the nodes for Wasm have a taint.
    tainted: bool,
}

#[test]
fn each_overlay_is_accepted_reconciled_and_injected() {
    for expected in [
        // Nine services, a second Pod of product v1, product v2, `partners`, and the database.
        Expected {
            overlay: "kind",
            spin_apps: 11,
            pods: 13,
            tainted: false,
        },
        Expected {
            overlay: "aks-dev",
            spin_apps: 11,
            pods: 12,
            tainted: true,
        },
        // Two Pods of each service, and product v2. Autoscalers set the number of Pods of four services.
        Expected {
            overlay: "aks-prod",
            spin_apps: 10,
            pods: 19,
            tainted: true,
        },
    ] {
        println!("overlay {}", expected.overlay);
        let plane = start();
        check(plane.kubectl(), &expected);
    }
}

fn check(kubectl: &Kubectl, expected: &Expected) {
    let overlay = render(kubectl, expected.overlay);
    kubectl
        .apply(&overlay)
        .unwrap_or_else(|error| panic!("{error}"));
    check_deployments(kubectl, expected);
    let pods = check_pods(kubectl, expected);
    check_services(kubectl, &pods);
    check_that_a_second_apply_changes_nothing(kubectl, &overlay);
    check_rollback(kubectl, &overlay);
    check_wrong_manifests(kubectl, &overlay);
}

/// The operator makes a Deployment and a Service for each SpinApp.
fn check_deployments(kubectl: &Kubectl, expected: &Expected) {
    let apps: BTreeSet<String> = list(kubectl, "spinapps").iter().map(name).collect();
    assert_eq!(apps.len(), expected.spin_apps, "{apps:?}");
    let made = |kind: &str| -> BTreeSet<String> {
        let owned = |object: &&Value| {
            object["metadata"]["ownerReferences"][0]["kind"].as_str() == Some("SpinApp")
        };
        let found = list(kubectl, kind);
        found.iter().filter(owned).map(name).collect()
    };
    for kind in ["deployments", "services"] {
        wait(|| match made(kind) {
            made if made == apps => Ok(()),
            made => Err(format!("{kind}: {made:?}")),
        });
    }
}

/// Each workload has its Pods. Each Pod of a namespace with injection has a sidecar, and `partners` has none.
fn check_pods(kubectl: &Kubectl, expected: &Expected) -> Vec<Value> {
    let pods = || -> Vec<Value> {
        let pods = list(kubectl, "pods").into_iter();
        pods.filter(|pod| is_in_the_shop(pod) && pod["metadata"]["labels"]["app"] != "operator")
            .collect()
    };
    wait(|| match pods().len() {
        found if found == expected.pods => Ok(()),
        found => Err(format!("{found} Pods, expected {}", expected.pods)),
    });
    let pods = pods();
    for pod in &pods {
        let containers = ["initContainers", "containers"]
            .iter()
            .filter_map(|list| pod["spec"][list].as_array());
        let has_sidecar = containers
            .flatten()
            .any(|container| container["name"] == "istio-proxy");
        let has_injection = pod["metadata"]["namespace"] != "partners";
        assert_eq!(has_sidecar, has_injection, "{}", name(pod));
        if pod["metadata"]["namespace"] == "database" {
            continue;
        }
        assert_eq!(
            pod["spec"]["runtimeClassName"],
            "shop-spin",
            "{}",
            name(pod)
        );
        let tolerations = pod["spec"]["tolerations"].as_array().unwrap();
        let tolerates = tolerations.iter().any(|one| one["key"] == "spin");
        assert_eq!(tolerates, expected.tainted, "{}", name(pod));
    }
    pods
}

/// Every Service leads to an open port of a Pod.
fn check_services(kubectl: &Kubectl, pods: &[Value]) {
    let services = list(kubectl, "services");
    for service in services.iter().filter(|service| is_in_the_shop(service)) {
        let selector = service["spec"]["selector"].as_object().unwrap();
        let selected: Vec<_> = pods
            .iter()
            .filter(|pod| {
                pod["metadata"]["namespace"] == service["metadata"]["namespace"]
                    && selector
                        .iter()
                        .all(|(label, value)| pod["metadata"]["labels"][label] == *value)
            })
            .collect();
        assert!(!selected.is_empty(), "{} selects no Pod", name(service));
        for port in service["spec"]["ports"].as_array().unwrap() {
            let target = &port["targetPort"];
            for pod in &selected {
                let containers = pod["spec"]["containers"].as_array().unwrap();
                let open = containers
                    .iter()
                    .filter_map(|container| container["ports"].as_array())
                    .flatten()
                    .any(|open| open["name"] == *target || open["containerPort"] == *target);
                assert!(
                    open,
                    "{}: {target} is not open in {}",
                    name(service),
                    name(pod)
                );
            }
        }
    }
}

fn check_that_a_second_apply_changes_nothing(kubectl: &Kubectl, overlay: &str) {
    let before = versions(kubectl);
    kubectl.apply(overlay).unwrap();
    assert_eq!(versions(kubectl), before);
}

/// A new image reaches the template of the Pods, and the old overlay brings the old image back.
fn check_rollback(kubectl: &Kubectl, overlay: &str) {
    let image = || {
        let deployment = kubectl.get(&["deployment", "cart-v1", "--namespace", "shop"]);
        let deployment = deployment.unwrap();
        let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
        image.as_str().unwrap().to_owned()
    };
    let next = overlay.replace("/shop:0.1.0", "/shop:0.1.1");
    for (overlay, expected) in [(next.as_str(), "/shop:0.1.1"), (overlay, "/shop:0.1.0")] {
        kubectl.apply(overlay).unwrap();
        wait(|| match image() {
            found if found.ends_with(expected) => Ok(()),
            found => Err(format!("image {found}, expected {expected}")),
        });
    }
}

/// A wrong manifest is rejected with the reason. The dry run on the server's side checks all manifests, and changes none.
fn check_wrong_manifests(kubectl: &Kubectl, overlay: &str) {
    let before = versions(kubectl);
    for (right, wrong, reason) in [
        (
            "executor: shop-spin",
            "executor: shop-spinn",
            "executor does not exist in namespace",
        ),
        ("replicas: 2", "replicas: 0", "replicas must be > 0"),
        ("retryOn: 5xx,reset", "retryOn: 5xxx,reset", "5xxx"),
    ] {
        assert!(overlay.contains(right), "{right}");
        let wrong = overlay.replacen(right, wrong, 1);
        let arguments = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
        let error = kubectl.run_with_input(&arguments, &wrong).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(versions(kubectl), before);
    }
}
