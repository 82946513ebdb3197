//! The credentials for a push, as `docker login` saved them.
//!
//! The file is `config.json` in the folder that `DOCKER_CONFIG` names, or else `~/.docker/config.json`. Its members `auths`,
//! `credHelpers` and `credsStore` are read, as docker does; the last two run a program `docker-credential-…`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

/// The user name that marks a password as a token for Azure's registries. `az acr login` saves such a token.
const AZURE_TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// The credentials for one registry, and where they were found.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) auth: RegistryAuth,
    origin: String,
}

/// Why existing credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file exists but cannot be read.
    #[error("{}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file, or the program that it names, gives no usable credentials.
    #[error("no credentials for {registry} out of {}: {reason}", path.display())]
    Unusable {
        /// The registry whose credentials were looked up.
        registry: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Credentials {
    /// The credentials for a registry in the docker configuration of the current user; without credentials if it has none.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn find(registry: &str) -> Result<Self, CredentialsError> {
        let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".docker"));
        match folder.or_else(home) {
            Some(folder) => Self::read(&folder.join("config.json"), registry),
            None => Ok(Self::nobody(
                "there is no home folder, and DOCKER_CONFIG is not set".to_owned(),
            )),
        }
    }

    /// The credentials for a registry in this `config.json`; without credentials if it has none or does not exist.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn read(path: &Path, registry: &str) -> Result<Self, CredentialsError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::nobody(format!("there is no {}", path.display())));
            }
            Err(source) => {
                return Err(CredentialsError::Unreadable {
                    path: path.to_path_buf(),
                    source,
                });
            }
        };
        // docker keeps the credentials for its own registry under this name.
        let server = match registry {
            "docker.io" | "index.docker.io" => "https://index.docker.io/v1/",
            other => other,
        };
        let unusable = |reason: String| CredentialsError::Unusable {
            registry: registry.to_owned(),
            path: path.to_path_buf(),
            reason,
        };
        let none = || format!("{} has none for {registry}", path.display());
        match docker_credential::get_credential_from_reader(file, server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                let origin = format!("as {user}, out of {}", path.display());
                let auth = RegistryAuth::Basic(user, password);
                Ok(Self { auth, origin })
            }
            Ok(DockerCredential::IdentityToken(token)) if is_azure(registry) => {
                let origin = format!("by the token in {}", path.display());
                let auth = RegistryAuth::Basic(AZURE_TOKEN_USER.to_owned(), token);
                Ok(Self { auth, origin })
            }
            Ok(DockerCredential::IdentityToken(_)) => Err(unusable(
                "it is an identity token, which only Azure's registries take; log in with a password".to_owned(),
            )),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(Self::nobody(none())),
            // Every helper without credentials prints this.
            Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
                if stdout.contains("credentials not found")
                    || stderr.contains("credentials not found") =>
            {
                Ok(Self::nobody(none()))
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => Err(unusable(
                "the program it names, docker-credential-…, does not run".to_owned(),
            )),
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    /// No credentials: for a registry that lets anyone push.
    pub fn none() -> Self {
        Self::nobody("none were looked for".to_owned())
    }

    fn nobody(why: String) -> Self {
        Self {
            auth: RegistryAuth::Anonymous,
            origin: format!("without credentials: {why}"),
        }
    }

    /// The user, and where the credentials were found, never the secret: `as ada, out of /home/ada/.docker/config.json`.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

fn is_azure(registry: &str) -> bool {
    [".azurecr.io", ".azurecr.cn", ".azurecr.us"]
        .iter()
        .any(|end| registry.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn find(config: &str, registry: &str) -> Result<Credentials, CredentialsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        Credentials::read(&path, registry)
    }

    fn basic(user: &str, password: &str) -> RegistryAuth {
        RegistryAuth::Basic(user.to_owned(), password.to_owned())
    }

    #[test]
    fn finds_what_docker_login_left_behind() {
        // ada:s3cret:x
        let config = r#"{"auths":{"r.example:5000":{"auth":"YWRhOnMzY3JldDp4"},"https://index.docker.io/v1/":{"username":"u","password":"p"}}}"#;
        let found = find(config, "r.example:5000").unwrap();
        assert_eq!(found.auth, basic("ada", "s3cret:x"));
        assert!(
            found.origin().starts_with("as ada, out of /"),
            "{}",
            found.origin()
        );
        assert!(!format!("{found:?}").contains("s3cret"));
        assert_eq!(find(config, "docker.io").unwrap().auth, basic("u", "p"));
    }

    #[test]
    fn whoever_has_none_is_nobody_and_is_told_where_was_looked() {
        let found = find(r#"{"auths":{"other.example":{}}}"#, "r.example").unwrap();
        assert_eq!(found.auth, RegistryAuth::Anonymous);
        assert!(
            found
                .origin()
                .ends_with("config.json has none for r.example")
        );
        let missing = Path::new("/nowhere/config.json");
        let found = Credentials::read(missing, "r.example").unwrap();
        assert!(found.origin().contains("there is no /nowhere/config.json"));
    }

    #[test]
    fn a_token_is_for_azure_and_elsewhere_an_error_that_says_so() {
        let config = |registry: &str| {
            format!(r#"{{"auths":{{"{registry}":{{"auth":"eDo=","identitytoken":"tok"}}}}}}"#)
        };
        let found = find(&config("shop.azurecr.io"), "shop.azurecr.io").unwrap();
        assert_eq!(found.auth, basic(AZURE_TOKEN_USER, "tok"));
        let error = find(&config("r.example"), "r.example").unwrap_err();
        assert!(error.to_string().contains("identity token"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_configuration_is_said_with_its_place() {
        for (config, words) in [
            ("{", "config"),
            (r#"{"auths":{"r.example":{"auth":"!"}}}"#, "decode"),
            (r#"{"credsStore":"stoa-has-no-such"}"#, "docker-credential-"),
        ] {
            let error = find(config, "r.example").unwrap_err().to_string();
            assert!(
                error.contains("r.example")
                    && error.contains("config.json")
                    && error.contains(words),
                "{error}"
            );
        }
    }
}
