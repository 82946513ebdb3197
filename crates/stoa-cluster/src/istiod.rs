//! Istio's control plane, with its webhooks for injection and validation.

use std::process::Command;

use serde_json::Value;

use crate::StartError;
use crate::control_plane::ControlPlane;

/// The installation of the shop's Istio, relative to the root of the repository.
const INSTALLATION: &str = "istio/install/istio.yaml";
/// The namespace of the control plane.
const NAMESPACE: &str = "istio-system";
/// The port of istiod's webhooks.
const WEBHOOK_PORT: u16 = 15017;

impl ControlPlane {
    /// Applies the manifests that `istioctl install` would apply, with the addresses of this process in the webhooks, and starts
    /// istiod with the environment of its Deployment.
    ///
    /// # Errors
    /// If istiod does not start.
    pub fn start_istiod(&mut self) -> Result<(), StartError> {
        let installation = self.programs.workspace.join(INSTALLATION);
        let url = format!("https://localhost:{WEBHOOK_PORT}");
        let manifests = self.istioctl(&[
            "manifest",
            "generate",
            "--filename",
            &installation.to_string_lossy(),
            // Without this value, only `istioctl install` creates the webhook that validates objects without a label.
            "--set",
            "values.defaultRevision=default",
            "--set",
            &format!("values.base.validationURL={url}/validate"),
            "--set",
            &format!("values.istiodRemote.injectionURL={url}/inject"),
        ])?;
        let kubectl = self.kubectl();
        kubectl.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}"
        ))?;
        kubectl.apply(&manifests)?;
        self.wait_for_schemas()?;
        let deployment = kubectl.get(&["deployment", "istiod", "--namespace", NAMESPACE])?;
        let mut command = Command::new(self.programs.path("pilot-discovery"));
        command
            .args(["discovery", "--domain=cluster.local"])
            .arg(format!("--kubeconfig={}", self.kubeconfig().display()))
            .arg(format!("--httpsAddr=127.0.0.1:{WEBHOOK_PORT}"))
            .args([
                "--httpAddr=127.0.0.1:8080",
                "--grpcAddr=127.0.0.1:15010",
                "--secureGRPCAddr=127.0.0.1:15012",
                "--monitoringAddr=127.0.0.1:15014",
            ])
            .envs(environment(&deployment))
            .envs([
                ("POD_NAME", "istiod-0"),
                ("POD_NAMESPACE", NAMESPACE),
                ("SERVICE_ACCOUNT", "istiod"),
                // The name in istiod's certificate.
                ("ISTIOD_CUSTOM_HOST", "localhost"),
            ]);
        self.start_process("istiod", &command)?;
        self.wait_until("istiod injects sidecars", Self::injects)?;
        self.wait_until("istiod validates", Self::validates)
    }

    /// Runs istioctl with the administrator's kubeconfig, and returns what it printed.
    fn istioctl(&self, arguments: &[&str]) -> Result<String, StartError> {
        let output = Command::new(self.programs.path("istioctl"))
            .env("KUBECONFIG", self.kubeconfig())
            .args(arguments)
            .output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let message = String::from_utf8_lossy(&output.stderr);
        Err(StartError::NotReady(format!(
            "istioctl {}: {message}",
            arguments.join(" ")
        )))
    }

    /// Whether a new Pod gets a sidecar.
    fn injects(&self) -> bool {
        let pod = "
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: default, labels: {sidecar.istio.io/inject: 'true'}}
spec: {containers: [{name: probe, image: registry.example.com/probe:1}]}";
        let arguments = ["create", "--dry-run=server", "--output=json", "-f", "-"];
        self.kubectl()
            .run_with_input(&arguments, pod)
            .is_ok_and(|made| made.contains("\"istio-proxy\""))
    }

    /// Whether an invalid object of Istio is rejected by istiod, not by its schema.
    fn validates(&self) -> bool {
        let invalid = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: probe, namespace: default}
spec: {servers: [{hosts: ['*'], port: {name: https, number: 443, protocol: HTTPS}}]}";
        let arguments = ["create", "--dry-run=server", "-f", "-"];
        let result = self.kubectl().run_with_input(&arguments, invalid);
        result.is_err_and(|error| error.to_string().contains("validation.istio.io"))
    }
}

/// The variables of the Deployment's first container that have a value.
fn environment(deployment: &Value) -> Vec<(String, String)> {
    let variables = deployment.pointer("/spec/template/spec/containers/0/env");
    variables
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|variable| {
            let text = |member| variable.get(member).and_then(Value::as_str);
            Some((text("name")?.to_owned(), text("value")?.to_owned()))
        })
        .collect()
}
