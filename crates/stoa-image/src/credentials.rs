//! Reads the credentials for a push from the file in which `docker login` stores them.
//!
//! The file is `config.json` in the folder `DOCKER_CONFIG`, or `~/.docker/config.json` if that variable is not set. As in docker,
//! the members `auths`, `credHelpers` and `credsStore` of the file are used. `credHelpers` and `credsStore` name a program
//! `docker-credential-…`, which prints the credentials.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

/// The user name with which Azure's registries accept an identity token as the password. `az acr login` stores such a token.
const AZURE_TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// The credentials for one registry, and the path of the file that contains them.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) auth: RegistryAuth,
    origin: String,
}

/// An error while reading the credentials from the file.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The credentials file exists but cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The path of the credentials file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The credentials in the file are not usable, or the program that the file names does not supply usable credentials.
    #[error("cannot read credentials for {registry} from {}: {reason}", path.display())]
    Unusable {
        /// The registry that needs the credentials.
        registry: String,
        /// The path of the credentials file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
}

impl Credentials {
    /// Reads the credentials for a registry from the current user's docker configuration. If the configuration contains no
    /// credentials for the registry, the push is sent without credentials.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn find(registry: &str) -> Result<Self, CredentialsError> {
        let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".docker"));
        match folder.or_else(home) {
            Some(folder) => Self::read(&folder.join("config.json"), registry),
            None => Ok(Self::anonymous(
                "the user has no home folder, and DOCKER_CONFIG is not set".to_owned(),
            )),
        }
    }

    /// Reads the credentials for a registry from the file `path`. If the file is missing, or contains no credentials for the
    /// registry, the push is sent without credentials.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn read(path: &Path, registry: &str) -> Result<Self, CredentialsError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::anonymous(format!(
                    "{} does not exist",
                    path.display()
                )));
            }
            Err(source) => {
                return Err(CredentialsError::Unreadable {
                    path: path.to_path_buf(),
                    source,
                });
            }
        };
        // docker stores the credentials for Docker Hub under this URL.
        let server = match registry {
            "docker.io" | "index.docker.io" => "https://index.docker.io/v1/",
            other => other,
        };
        let unusable = |reason: String| CredentialsError::Unusable {
            registry: registry.to_owned(),
            path: path.to_path_buf(),
            reason,
        };
        let none = || format!("{} contains no credentials for {registry}", path.display());
        match docker_credential::get_credential_from_reader(file, server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                let origin = format!("as {user} with the credentials in {}", path.display());
                let auth = RegistryAuth::Basic(user, password);
                Ok(Self { auth, origin })
            }
            Ok(DockerCredential::IdentityToken(token)) if is_azure(registry) => {
                let origin = format!("with the token in {}", path.display());
                let auth = RegistryAuth::Basic(AZURE_TOKEN_USER.to_owned(), token);
                Ok(Self { auth, origin })
            }
            Ok(DockerCredential::IdentityToken(_)) => Err(unusable(
                "the credentials are an identity token, which only Azure's registries accept; log in with a password"
                    .to_owned(),
            )),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(Self::anonymous(none())),
            // Every program `docker-credential-…` prints this text if it has no credentials for the registry.
            Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
                if stdout.contains("credentials not found")
                    || stderr.contains("credentials not found") =>
            {
                Ok(Self::anonymous(none()))
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => Err(unusable(
                "the file names a program docker-credential-…, which cannot be run".to_owned(),
            )),
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    /// Returns the value for a push without credentials. Such a push works only if the registry permits every caller to push.
    pub fn none() -> Self {
        Self::anonymous("the push was started without credentials".to_owned())
    }

    fn anonymous(reason: String) -> Self {
        Self {
            auth: RegistryAuth::Anonymous,
            origin: format!("without credentials ({reason})"),
        }
    }

    /// The user and the source of the credentials, without the secret: `as ada with the credentials in
    /// /home/ada/.docker/config.json`, or `without credentials (/home/ada/.docker/config.json does not exist)`.
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
    fn the_credentials_that_docker_login_stored_are_found() {
        // The value of `auth` is `ada:s3cret:x` in base64: the user `ada`, and a password that contains a colon.
        let config = r#"{"auths":{"r.example:5000":{"auth":"YWRhOnMzY3JldDp4"},"https://index.docker.io/v1/":{"username":"u","password":"p"}}}"#;
        let found = find(config, "r.example:5000").unwrap();
        assert_eq!(found.auth, basic("ada", "s3cret:x"));
        assert!(
            found
                .origin()
                .starts_with("as ada with the credentials in /"),
            "{}",
            found.origin()
        );
        assert!(!format!("{found:?}").contains("s3cret"));
        assert_eq!(find(config, "docker.io").unwrap().auth, basic("u", "p"));
    }

    #[test]
    fn without_credentials_the_origin_names_the_file_that_was_read() {
        let found = find(r#"{"auths":{"other.example":{}}}"#, "r.example").unwrap();
        assert_eq!(found.auth, RegistryAuth::Anonymous);
        assert!(
            found
                .origin()
                .ends_with("config.json contains no credentials for r.example)")
        );
        let missing = Path::new("/nowhere/config.json");
        let found = Credentials::read(missing, "r.example").unwrap();
        assert!(
            found
                .origin()
                .contains("/nowhere/config.json does not exist")
        );
    }

    #[test]
    fn an_identity_token_is_an_error_except_for_azures_registries() {
        let config = |registry: &str| {
            format!(r#"{{"auths":{{"{registry}":{{"auth":"eDo=","identitytoken":"tok"}}}}}}"#)
        };
        let found = find(&config("shop.azurecr.io"), "shop.azurecr.io").unwrap();
        assert_eq!(found.auth, basic(AZURE_TOKEN_USER, "tok"));
        let error = find(&config("r.example"), "r.example").unwrap_err();
        assert!(error.to_string().contains("identity token"), "{error}");
    }

    #[test]
    fn an_error_names_the_registry_the_file_and_the_cause() {
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
