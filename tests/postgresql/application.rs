//! An application with one component. The component connects to a PostgreSQL address, and runs SQL.

use serde_json::Value;
use stoa_testkit::{Shop, ShopOptions, TlsPostgres, workspace};
use tempfile::TempDir;

/// The role, the database and the password of most connections.
pub(crate) const ROLE: &str = "ann";
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A running application, and its PostgreSQL server.
pub(crate) struct Application {
    pub(crate) server: TlsPostgres,
    pub(crate) shop: Shop,
    _folder: TempDir,
}

impl Application {
    /// Starts the server and the application. The application trusts the authority of the server's certificate.
    pub(crate) fn start() -> Self {
        let server = TlsPostgres::start();
        let file = server.authority_file();
        Self::start_with(server, |options| options.environment("SSL_CERT_FILE", file))
    }

    pub(crate) fn start_with(
        server: TlsPostgres,
        configure: impl FnOnce(ShopOptions) -> ShopOptions,
    ) -> Self {
        let mut administrator = server.administrator();
        let role = format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'");
        administrator.batch_execute(&role).unwrap();
        let database = format!("CREATE DATABASE {ROLE} OWNER {ROLE}");
        administrator.batch_execute(&database).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let component = workspace().join("target/wasm32-wasip2/release/guest_postgres.wasm");
        let port = server.host().rsplit(':').next().unwrap().to_owned();
        let manifest = format!(
            r#"spin_manifest_version = 2
[application]
name = "sql"
version = "1.0.0"
[[trigger.http]]
route = "/..."
component = "sql"
[component.sql]
source = "{}"
allowed_outbound_hosts = ["postgres://127.0.0.1:{port}", "postgres://localhost:{port}"]
"#,
            component.display()
        );
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, manifest).unwrap();
        let options = ShopOptions {
            manifest: path,
            // The log must not contain the password at this level, either.
            arguments: vec!["--log-level".to_owned(), "debug".to_owned()],
            ..ShopOptions::default()
        };
        Self {
            shop: Shop::start(configure(options)),
            server,
            _folder: folder,
        }
    }

    /// The address of a database in the server.
    pub(crate) fn address(&self, role: &str, password: &str, database: &str, mode: &str) -> String {
        let host = self.server.host();
        format!("postgres://{role}:{password}@{host}/{database}?sslmode={mode}")
    }

    /// The address of the database that exists from the start.
    pub(crate) fn first_address(&self) -> String {
        self.address(ROLE, PASSWORD, ROLE, "require")
    }

    /// Connects to an address and runs a statement. Returns the rows, or the component's error.
    pub(crate) fn run(&self, address: &str, statement: &str) -> String {
        let request = self.shop.gateway().post("/");
        let answer = request.body(format!("{address}\n{statement}")).send();
        answer.expect(200).text().trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn succeeds(&self, address: &str) {
        assert_eq!(
            self.run(address, "SELECT 7::bigint"),
            "[[DbValue::Int64(7)]]"
        );
    }

    /// Checks that the component gets `ConnectionFailed` with each of these words, and that the log has one line for this, with the
    /// server, the database, the role and the same reason.
    #[track_caller]
    pub(crate) fn fails(&self, address: &str, role: &str, database: &str, words: &[&str]) {
        let lines_before = self.failures().len();
        let error = self.run(address, "SELECT 7::bigint");
        assert!(error.contains("ConnectionFailed("), "{error}");
        let line = stoa_testkit::wait_for(
            std::time::Duration::from_secs(20),
            "the line about the failed connection",
            || self.failures().get(lines_before).cloned(),
        );
        let (host, port) = self.server.host().split_once(':').map(own).unwrap();
        for (member, expected) in [
            ("component", "sql"),
            ("level", "warn"),
            ("host", &host),
            ("port", &port),
            ("database", database),
            ("role", role),
        ] {
            assert_eq!(line[member], expected, "{member} in {line}");
        }
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error}");
            let reason = line["reason"].as_str().unwrap();
            assert!(reason.contains(word), "no {word:?} in {line}");
        }
        assert_eq!(self.failures().len(), lines_before + 1, "{line}");
    }

    /// The log lines about failed connections.
    fn failures(&self) -> Vec<Value> {
        let log = self.shop.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["msg"] == "PostgreSQL connection failed")
            .collect()
    }

    /// Checks that the log does not contain these passwords.
    #[track_caller]
    pub(crate) fn log_does_not_contain(&self, passwords: &[&str]) {
        let log = self.shop.log();
        for password in passwords {
            assert!(!log.contains(password), "{password} is in the log:\n{log}");
        }
    }
}

fn own((host, port): (&str, &str)) -> (String, String) {
    (host.to_owned(), port.to_owned())
}
