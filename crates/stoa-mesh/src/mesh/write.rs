//! The Envoys' files: resources and certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde_json::Value;

use super::error::{MeshError, failed};
use super::shared::Shared;
use crate::code::Code;
use crate::compiled::Workload;
use crate::files;
use crate::local::Local;
use crate::secrets::{Secrets, is_static};

/// Folders of a proxy's files in the order of writing, referenced kinds first: listeners name routes and extensions, routes name clusters.
const KINDS: [&str; 4] = ["cds", "ecds", "rds", "lds"];
/// Copies of the filters' code, below the state folder.
pub(super) const FILTERS: &str = "filters";

/// Which certificates to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificates {
    All,
    /// Only those without a file.
    Missing,
}

impl Shared {
    /// Writes the files of every proxy, and the certificates without a file. Returns the certificates that each proxy needs.
    pub(super) fn write(&self) -> Result<Secrets, MeshError> {
        let (compiled, overrides) = (self.compiled(), self.overrides()?);
        let (built, copies) = (&self.options.filters, self.options.state_dir.join(FILTERS));
        let code = Code::copied(built, &copies, &self.code()).map_err(failed(built.display()))?;
        let (mut secrets, mut all) = (Secrets::new(), Vec::new());
        for workload in compiled.proxies() {
            let Some(pod) = self.addresses.pod(workload.ip) else {
                continue;
            };
            let folder = self.folder(workload);
            let mut local = Local {
                workload,
                pod: *pod,
                addresses: &self.addresses,
                gateway: &self.gateway_of(pod),
                folder: &folder,
                code: &code,
                overrides: &overrides,
                secrets: BTreeSet::new(),
            };
            let files = local.files(compiled.resources(workload)?);
            secrets.insert(workload.name(), local.secrets);
            all.push((folder, files));
        }
        // Referenced files come first: Envoy rejects a listener that names a missing file.
        self.certify(&secrets, Certificates::Missing)?;
        for (folder, files) in &all {
            for (path, resources) in in_order(files) {
                let path = folder.join(path);
                files::put(&path, &files::discovery(resources)).map_err(failed(path.display()))?;
            }
        }
        self.in_use().clone_from(&secrets);
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = code;
        Ok(secrets)
    }

    /// Writes new certificates for every proxy. A failed write does not stop the others: the first error is returned at the end.
    pub(super) fn certify(&self, secrets: &Secrets, which: Certificates) -> Result<(), MeshError> {
        let mut failed = None;
        for workload in self.compiled().proxies() {
            let names = secrets.get(&workload.name()).into_iter().flatten();
            for name in names.filter(|name| !is_static(name)) {
                let path = self.folder(workload).join(files::of_resource("sds", name));
                if which == Certificates::Missing && path.exists() {
                    continue;
                }
                if let Err(error) = self.certificate(workload, name, &path) {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    pub(super) fn certificate(
        &self,
        of: &Workload,
        name: &str,
        path: &Path,
    ) -> Result<(), MeshError> {
        let lifetime = self.options.certificate_lifetime;
        let certified = match name {
            "default" => self.authority.identity(&of.identity(), lifetime)?,
            _ => self.authority.server(lifetime)?,
        };
        let secret = files::certificate(name, &certified);
        files::put(path, &files::discovery(&[secret])).map_err(failed(path.display()))?;
        Ok(())
    }
}

/// The files, referenced ones first.
fn in_order(files: &BTreeMap<PathBuf, Vec<Value>>) -> Vec<(&PathBuf, &Vec<Value>)> {
    let rank = |path: &Path| KINDS.iter().position(|kind| path.starts_with(kind));
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by_key(|(path, _)| rank(path));
    files
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compiled::LIST;
    use crate::mesh::options::MeshOptions;

    #[test]
    fn a_certificate_that_cannot_be_written_holds_up_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let options = MeshOptions::without_workloads(folder.path()).unwrap();
        let workload = |pod: &str, ip: &str| json!({"namespace": "shop", "pod": pod, "owner": pod, "kind": "SpinApp", "service_account": pod, "ip": ip, "proxy": "sidecar"});
        let list = json!({"workloads": [workload("a", "10.0.0.1"), workload("b", "10.0.0.2")]});
        std::fs::write(options.compiled.join(LIST), list.to_string()).unwrap();
        let state = options.state_dir.clone();
        let shared = Shared::prepare(options).unwrap();
        let needed = |pod: &str| {
            (
                format!("shop/{pod}"),
                BTreeSet::from(["default".to_owned()]),
            )
        };
        let secrets = Secrets::from(["a", "b"].map(needed));
        let certificate = |pod: &str| state.join("xds/shop").join(pod).join("sds/default.json");
        // A folder takes the place of the file.
        std::fs::create_dir_all(certificate("a")).unwrap();
        let error = shared.certify(&secrets, Certificates::All).unwrap_err();
        assert!(
            error.to_string().contains("shop/a/sds/default.json"),
            "{error}"
        );
        assert!(certificate("b").is_file());
        std::fs::remove_dir(certificate("a")).unwrap();
        shared.certify(&secrets, Certificates::Missing).unwrap();
        assert!(certificate("a").is_file());
    }

    #[test]
    fn a_listener_is_written_after_all_that_it_names() {
        let names = [
            "cds/clusters.json",
            "ecds/a.json",
            "lds/listeners.json",
            "rds/80.json",
            "rds/81.json",
        ];
        let files = names.map(|name| (PathBuf::from(name), Vec::new()));
        let files = BTreeMap::from(files);
        let order: Vec<_> = in_order(&files).into_iter().map(|(path, _)| path).collect();
        let expected = [names[0], names[1], names[3], names[4], names[2]];
        assert_eq!(order, expected.map(Path::new));
    }
}
