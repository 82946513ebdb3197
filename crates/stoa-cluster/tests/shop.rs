//! Applies the overlays of k8s/overlays to a control plane with SpinKube's operator and Istio's webhooks, and checks the result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
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

/// Copies the manifests into `folder`, and fills in the placeholders of the overlays' settings.
const COPY_SCRIPT: &str = r#"
mkdir "$2/istio"
cp -r "$1/k8s" "$2/"
cp -r "$1/istio/base" "$1/istio/plugins" "$1/istio/components" "$2/istio/"
sed -i s/00000000-0000-0000-0000-000000000000/11111111-2222-4333-8444-555555555555/ "$2"/k8s/overlays/*/settings.yaml
"#;

/// A digest of images that nobody pushed. Nothing pulls them, because there is no node.
const DIGEST: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90";

/// Renders an overlay with `scripts/deploy`, as a user does, and returns the folder that `kubectl apply -k` gets.
fn render(plane: &ControlPlane, overlay: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let images: String = [
        "shop:0.1.0",
        "shop-canary:0.2.0",
        "payment-fault:0.1.0",
        "canary-router:0.1.0",
    ]
    .iter()
    .map(|image| {
        let (name, _) = image.split_once(':').unwrap();
        format!("{image} registry.example.org/{name}@sha256:{DIGEST}\n")
    })
    .collect();
    let list = folder.path().join("images.txt");
    std::fs::write(&list, images).unwrap();
    let copied = Command::new("sh")
        .args(["-euc", COPY_SCRIPT, "sh"])
        .arg(workspace())
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", plane.programs_folder().display());
    let rendered = Command::new(workspace().join("scripts/deploy"))
        .arg("render")
        .arg(folder.path().join("k8s/overlays").join(overlay))
        .arg(list)
        .arg(folder.path().join("deploy"))
        .env("PATH", path)
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&rendered.stderr);
    assert!(rendered.status.success(), "{message}");
    folder
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
    let found = list(kubectl, kinds).into_iter().filter(is_in_the_shop);
    found
        .map(|object| {
            let kind = object["kind"].as_str().unwrap_or("").to_owned();
            // Controllers write the status of these kinds, which changes the resourceVersion, so the generation is compared.
            let version = match kind.as_str() {
                "SpinApp" | "PodDisruptionBudget" | "CronJob" => "generation",
                _ => "resourceVersion",
            };
            let version = object["metadata"][version].to_string();
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
        check(&plane, &expected);
    }
}

fn check(plane: &ControlPlane, expected: &Expected) {
    let kubectl = plane.kubectl();
    let folder = render(plane, expected.overlay);
    let folder = folder.path().join("deploy");
    let folder = folder.to_str().unwrap();
    kubectl
        .run(&["apply", "--server-side", "-k", folder])
        .unwrap_or_else(|error| panic!("{error}"));
    let overlay = kubectl.run(&["kustomize", folder]).unwrap();
    check_deployments(kubectl, expected);
    check_secrets(kubectl, expected);
    let pods = check_pods(kubectl, expected);
    check_services(kubectl, &pods);
    check_that_a_second_apply_changes_nothing(kubectl, &overlay);
    check_rollback(kubectl, &overlay);
    check_wrong_manifests(kubectl, &overlay);
}

/// Applies the shop's manifests as a user does: without `--force-conflicts`.
fn apply(kubectl: &Kubectl, manifests: &str) {
    let arguments = ["apply", "--server-side", "-f", "-"];
    let applied = kubectl.run_with_input(&arguments, manifests);
    applied.unwrap_or_else(|error| panic!("{error}"));
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

/// Each Secret that a Deployment names is created by `scripts/cluster-secrets`, or by the Secrets Store CSI driver.
fn check_secrets(kubectl: &Kubectl, expected: &Expected) {
    let entry = |namespace: &Value, name: &Value, key: &str| format!("{namespace} {name} {key}");
    let mut created = BTreeSet::new();
    if expected.overlay == "kind" {
        let printed = Command::new(workspace().join("scripts/cluster-secrets"))
            .output()
            .unwrap();
        assert!(printed.status.success(), "{printed:?}");
        let manifests = String::from_utf8(printed.stdout).unwrap();
        kubectl
            .run_with_input(&["create", "-f", "-"], &manifests)
            .unwrap();
        for secret in list(kubectl, "secrets").into_iter().filter(is_in_the_shop) {
            for (key, value) in secret["data"].as_object().into_iter().flatten() {
                assert_ne!(value, "", "{}", name(&secret));
                let metadata = &secret["metadata"];
                created.insert(entry(&metadata["namespace"], &metadata["name"], key));
            }
        }
    } else {
        for class in list(kubectl, "secretproviderclasses") {
            for made in class["spec"]["secretObjects"].as_array().unwrap() {
                for item in made["data"].as_array().unwrap() {
                    let key = item["key"].as_str().unwrap();
                    created.insert(entry(
                        &class["metadata"]["namespace"],
                        &made["secretName"],
                        key,
                    ));
                }
            }
        }
    }
    let mut named = BTreeSet::new();
    for deployment in list(kubectl, "deployments")
        .iter()
        .filter(|d| is_in_the_shop(d))
    {
        let variables = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
        for variable in variables.as_array().into_iter().flatten() {
            let reference = &variable["valueFrom"]["secretKeyRef"];
            if let Some(key) = reference["key"].as_str() {
                named.insert(entry(
                    &deployment["metadata"]["namespace"],
                    &reference["name"],
                    key,
                ));
            }
        }
    }
    assert!(named.len() >= 10, "{named:?}");
    let missing: Vec<_> = named.difference(&created).collect();
    assert!(missing.is_empty(), "nothing creates {missing:?}");
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
    apply(kubectl, overlay);
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
    let new_digest = DIGEST.replace('a', "f");
    let next = overlay.replace(
        &format!("/shop@sha256:{DIGEST}"),
        &format!("/shop@sha256:{new_digest}"),
    );
    for (overlay, digest) in [(next.as_str(), new_digest.as_str()), (overlay, DIGEST)] {
        apply(kubectl, overlay);
        wait(|| match image() {
            found if found.ends_with(digest) => Ok(()),
            found => Err(format!("image {found}, expected {digest}")),
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
