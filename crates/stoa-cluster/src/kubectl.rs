//! Calls the API of the control plane with kubectl.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A kubectl that uses one kubeconfig.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// The reason why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum KubectlError {
    /// kubectl cannot be started, or its input cannot be written.
    #[error("cannot run kubectl: {0}")]
    Io(#[from] std::io::Error),
    /// kubectl reported an error.
    #[error("kubectl {arguments}: {message}")]
    Failed {
        /// The arguments.
        arguments: String,
        /// What kubectl printed to standard error.
        message: String,
    },
    /// kubectl printed something else than JSON.
    #[error("kubectl {arguments} did not print JSON: {source}")]
    NotJson {
        /// The arguments.
        arguments: String,
        /// The error of the parser.
        source: serde_json::Error,
    },
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, kubeconfig: &Path) -> Self {
        Self {
            program,
            kubeconfig: kubeconfig.to_owned(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs kubectl, and returns what it printed.
    ///
    /// # Errors
    /// If kubectl reports an error.
    pub fn run(&self, arguments: &[&str]) -> Result<String, KubectlError> {
        printed(arguments, self.command(arguments).output()?)
    }

    /// Runs kubectl with `input` as standard input, and returns what it printed.
    ///
    /// # Errors
    /// If kubectl reports an error.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String, KubectlError> {
        use std::io::Write as _;
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // kubectl may fail before it reads everything; its own message is better than "broken pipe".
            let _ = stdin.write_all(input.as_bytes());
        }
        printed(arguments, child.wait_with_output()?)
    }

    /// Applies manifests (YAML documents) on the server's side.
    ///
    /// # Errors
    /// If the server rejects one of them.
    pub fn apply(&self, manifests: &str) -> Result<String, KubectlError> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.run_with_input(&arguments, manifests)
    }

    /// Reads objects as JSON: `get(&["deployments", "--namespace", "shop"])`.
    ///
    /// # Errors
    /// If the server rejects the request.
    pub fn get(&self, arguments: &[&str]) -> Result<Value, KubectlError> {
        let arguments = [&["get", "--output", "json"], arguments].concat();
        let text = self.run(&arguments)?;
        serde_json::from_str(&text).map_err(|source| KubectlError::NotJson {
            arguments: arguments.join(" "),
            source,
        })
    }
}

fn printed(arguments: &[&str], output: Output) -> Result<String, KubectlError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(KubectlError::Failed {
        arguments: arguments.join(" "),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
