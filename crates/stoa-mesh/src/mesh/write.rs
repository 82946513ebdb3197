//! Writes the Envoys' files: resources and certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde_json::Value;

use super::error::{MeshError, failed};
use super::shared::Shared;
use crate::code::FilterCode;
use crate::compiled::Workload;
use crate::files;
use crate::local::Localizer;
use crate::secrets::{Secrets, is_static};

/// The folders of a proxy's files, in the order in which their files are written. A file must be written after the files to which
/// it refers. Listeners refer to routes and extensions, and routes refer to clusters, so listeners are last.
const KINDS_IN_WRITE_ORDER: [&str; 4] = ["cds", "ecds", "rds", "lds"];
/// The folder with the copies of the filters' code, in the state folder.
pub(super) const FILTERS_FOLDER: &str = "filters";

/// Selects the certificates that [`Shared::certify`] creates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificates {
    All,
    /// Only the certificates whose files do not exist yet.
    Missing,
}

impl Shared {
    /// Writes the files of every proxy. Writes a certificate only if its file does not exist yet. Returns the names of the
    /// certificates that each proxy needs.
    pub(super) fn write(&self) -> Result<Secrets, MeshError> {
        let (compiled, overrides) = (self.compiled(), self.overrides()?);
        let (built, copies) = (
            &self.options.filters,
            self.options.state_dir.join(FILTERS_FOLDER),
        );
        let code = FilterCode::copied(built, &copies, &self.code())
            .map_err(failed("copy the filters in", built.display()))?;
        let (mut secrets, mut all) = (Secrets::new(), Vec::new());
        for workload in compiled.proxies() {
            let Some(pod) = self.addresses.pod(workload.ip) else {
                continue;
            };
            let folder = self.folder(workload);
            let mut localizer = Localizer {
                workload,
                pod: *pod,
                addresses: &self.addresses,
                gateway: &self.gateway_addresses(pod),
                folder: &folder,
                code: &code,
                overrides: &overrides,
                secrets: BTreeSet::new(),
            };
            let files = localizer.files(compiled.resources(workload)?);
            secrets.insert(workload.name(), localizer.secrets);
            all.push((folder, files));
        }
        // Certificates are written before listeners, because Envoy rejects a listener that refers to a missing file.
        self.certify(&secrets, Certificates::Missing)?;
        for (folder, files) in &all {
            for (path, resources) in in_write_order(files) {
                let path = folder.join(path);
                files::write_if_changed(&path, &files::discovery_response(resources))
                    .map_err(failed("write", path.display()))?;
            }
        }
        self.secrets_in_use().clone_from(&secrets);
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = code;
        Ok(secrets)
    }

    /// Writes new certificates for every proxy. If one certificate cannot be written, the other certificates are still written.
    /// Then the first error is returned.
    pub(super) fn certify(&self, secrets: &Secrets, which: Certificates) -> Result<(), MeshError> {
        let mut first_error = None;
        for workload in self.compiled().proxies() {
            let names = secrets.get(&workload.name()).into_iter().flatten();
            for name in names.filter(|name| !is_static(name)) {
                let path = self
                    .folder(workload)
                    .join(files::resource_file("sds", name));
                if which == Certificates::Missing && path.exists() {
                    continue;
                }
                if let Err(error) = self.write_certificate(workload, name, &path) {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Writes a new certificate. If `name` is `default`, the certificate contains the workload's identity. If `name` is another
    /// name, the certificate is the gateway's certificate for browsers.
    pub(super) fn write_certificate(
        &self,
        workload: &Workload,
        name: &str,
        path: &Path,
    ) -> Result<(), MeshError> {
        let lifetime = self.options.certificate_lifetime;
        let certified = match name {
            "default" => self
                .authority
                .identity_certificate(&workload.identity(), lifetime)?,
            _ => self.authority.gateway_certificate(lifetime)?,
        };
        let secret = files::certificate_secret(name, &certified);
        files::write_if_changed(path, &files::discovery_response(&[secret]))
            .map_err(failed("write", path.display()))?;
        Ok(())
    }
}

/// The files in the order in which they are written: a file comes after the files to which it refers.
fn in_write_order(files: &BTreeMap<PathBuf, Vec<Value>>) -> Vec<(&PathBuf, &Vec<Value>)> {
    let rank = |path: &Path| {
        KINDS_IN_WRITE_ORDER
            .iter()
            .position(|kind| path.starts_with(kind))
    };
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by_key(|(path, _)| rank(path));
    files
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compiled::WORKLOADS_FILE;
    use crate::mesh::options::MeshOptions;

    #[test]
    fn a_failed_write_of_a_certificate_does_not_stop_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let options = MeshOptions::without_workloads(folder.path()).unwrap();
        let workload = |pod: &str, ip: &str| json!({"namespace": "shop", "pod": pod, "owner": pod, "kind": "SpinApp", "service_account": pod, "ip": ip, "proxy": "sidecar"});
        let list = json!({"workloads": [workload("a", "10.0.0.1"), workload("b", "10.0.0.2")]});
        std::fs::write(options.compiled.join(WORKLOADS_FILE), list.to_string()).unwrap();
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
        // The file of this certificate cannot be written, because a folder is at its path.
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
    fn a_listener_is_written_after_the_resources_that_it_refers_to() {
        let names = [
            "cds/clusters.json",
            "ecds/a.json",
            "lds/listeners.json",
            "rds/80.json",
            "rds/81.json",
        ];
        let files = names.map(|name| (PathBuf::from(name), Vec::new()));
        let files = BTreeMap::from(files);
        let order: Vec<_> = in_write_order(&files)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        let expected = [names[0], names[1], names[3], names[4], names[2]];
        assert_eq!(order, expected.map(Path::new));
    }
}
