//! Starts the control plane, and applies an object.

use std::path::Path;

use stoa_cluster::ControlPlane;

#[test]
fn the_api_validates_objects_and_the_controllers_reconcile_them() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap();
    let plane = ControlPlane::start(workspace).unwrap_or_else(|error| panic!("{error}"));
    let kubectl = plane.kubectl();
    kubectl
        .apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
        .unwrap();
    let deployment = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example.com/web:1}]}";
    kubectl.apply(deployment).unwrap();
    let pods = || {
        kubectl.get(&["pods", "--namespace", "shop"]).unwrap()["items"]
            .as_array()
            .unwrap()
            .len()
    };
    let begun = std::time::Instant::now();
    while pods() < 2 {
        assert!(begun.elapsed().as_secs() < 30, "{} Pods", pods());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let error = kubectl
        .apply(&deployment.replace("replicas: 2", "replicas: two"))
        .unwrap_err();
    let rejected = error.to_string();
    assert!(
        rejected.contains(".spec.replicas: expected numeric"),
        "{rejected}"
    );
}
