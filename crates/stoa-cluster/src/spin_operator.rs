//! SpinKube's operator, with its webhooks.

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::StartError;
use crate::control_plane::{ControlPlane, free_ports};

/// The schemas of SpinKube's kinds, relative to the root of the repository.
const SCHEMAS: &str = "tools/istio-manifests/testdata/crds";
/// The port of the webhooks, on all addresses. spin-operator does not have an option for it.
const WEBHOOK_PORT: u16 = 9443;

impl ControlPlane {
    /// Installs SpinKube's schemas, and starts spin-operator with its webhooks.
    ///
    /// # Errors
    /// If spin-operator does not start.
    pub fn start_spin_operator(&mut self) -> Result<(), StartError> {
        let schemas = self.programs.workspace.join(SCHEMAS);
        for kind in ["spinapps", "spinappexecutors"] {
            let schema = schemas.join(format!("core.spinkube.dev_{kind}.yaml"));
            self.kubectl().apply(&fs::read_to_string(schema)?)?;
        }
        self.wait_for_schemas()?;
        let [probe_port] = free_ports()?;
        // The operator reads its certificate from a folder with a fixed name in the folder for temporary files.
        let temporary = self.folder().join("spin-operator");
        let certificates = temporary.join("k8s-webhook-server/serving-certs");
        fs::create_dir_all(&certificates)?;
        for file in ["tls.crt", "tls.key"] {
            let from = self.credentials.path("webhooks").join(file);
            fs::copy(from, certificates.join(file))?;
        }
        let mut command = Command::new(self.programs.path("spin-operator"));
        command
            .env("KUBECONFIG", self.kubeconfig())
            .env("TMPDIR", temporary)
            .args(["--enable-webhooks", "--metrics-bind-address=0"])
            .arg(format!(
                "--health-probe-bind-address=127.0.0.1:{probe_port}"
            ));
        self.start_process("spin-operator", &command)?;
        self.register_spin_webhooks()?;
        self.wait_until("spin-operator's webhooks answer", |plane| {
            let executor = "
apiVersion: core.spinkube.dev/v1alpha1
kind: SpinAppExecutor
metadata: {name: probe, namespace: default}
spec: {createDeployment: true, deploymentConfig: {runtimeClassName: probe}}";
            let arguments = ["create", "--dry-run=server", "-f", "-"];
            plane.kubectl().run_with_input(&arguments, executor).is_ok()
        })
    }

    /// Registers the webhooks as spin-operator's Helm chart does, but with the address of this process instead of a Service.
    fn register_spin_webhooks(&self) -> Result<(), StartError> {
        let authority = fs::read(self.credentials.path("ca.crt"))?;
        let authority = BASE64_STANDARD.encode(authority);
        for (kind, prefix) in [("Mutating", "mutate"), ("Validating", "validate")] {
            let webhooks: Vec<Value> = ["spinapp", "spinappexecutor"]
                .map(|resource| {
                    let path = format!("{prefix}-core-spinkube-dev-v1alpha1-{resource}");
                    json!({
                        "name": format!("{prefix}-{resource}.kb.io"),
                        "clientConfig": {
                            "url": format!("https://localhost:{WEBHOOK_PORT}/{path}"),
                            "caBundle": authority,
                        },
                        "admissionReviewVersions": ["v1"],
                        "failurePolicy": "Fail",
                        "sideEffects": "None",
                        "rules": [{
                            "apiGroups": ["core.spinkube.dev"],
                            "apiVersions": ["v1alpha1"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": [format!("{resource}s")],
                        }],
                    })
                })
                .into();
            let configuration = json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": format!("{kind}WebhookConfiguration"),
                "metadata": {"name": format!("spin-operator-{prefix}")},
                "webhooks": webhooks,
            });
            self.kubectl().apply(&configuration.to_string())?;
        }
        Ok(())
    }
}
