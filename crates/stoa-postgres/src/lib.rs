//! Starts a private PostgreSQL server for tests and benchmarks. The crate starts the installed server on a free port of this
//! machine, with a temporary folder that is removed when the server ends. The server runs as an unprivileged user, because
//! PostgreSQL refuses to run as root. The server ends when the program that started it ends, even after a crash.
//!
//! At first, the server has no TLS and requires no password. [`Server::require_tls_and_passwords`] changes this (`tls.rs`).
//!
//! The order of text depends on the installed version: a server of PostgreSQL 15 or later sorts text in English order, and a server
//! of an earlier version sorts by bytes. Many production servers sort text in the order of another language. So no program should
//! rely on a certain order.
#![forbid(unsafe_code)]

mod tls;

use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use postgres::Client;
use postgres::NoTls;
pub use tls::Certificate;

/// Deadline for the first start of a server on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// User id and group id of the user `nobody`, on every Linux system.
const NOBODY_ID: u32 = 65534;
/// Shell script that runs the server. When the script's standard input is closed, the script stops the server and removes the
/// folder. The standard input is closed when the parent process drops the [`Server`] or ends.
const SERVER_SCRIPT: &str = r#"
folder=$1; bin=$2; port=$3; shift 3
trap 'rm -rf "$folder"' EXIT
exec 3<&0
make() { rm -rf "$folder/data"; "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C "$@" --no-sync >"$folder/log" 2>&1; }
make --locale-provider=icu --icu-locale=en || make || exit 1
"$bin/postgres" -D "$folder/data" -k "$folder" -p "$port" -c listen_addresses=127.0.0.1 -c max_connections=600 "$@" >>"$folder/log" 2>&1 &
server=$!
{ read -r _ <&3 || true; kill -INT $server; } &
watcher=$!
wait $server
kill $watcher 2>/dev/null
"#;

/// True if this test run uses PostgreSQL. The environment variable STOA_TEST_DATABASE selects the database: `sqlite` (the default)
/// or `postgres`.
///
/// # Panics
/// If STOA_TEST_DATABASE has any other value.
#[expect(
    clippy::panic,
    reason = "if STOA_TEST_DATABASE is not valid, every test must fail"
)]
pub fn is_selected() -> bool {
    match std::env::var("STOA_TEST_DATABASE").as_deref() {
        Err(_) | Ok("" | "sqlite") => false,
        Ok("postgres") => true,
        Ok(other) => panic!("STOA_TEST_DATABASE={other}: expected sqlite or postgres"),
    }
}

/// The reason why the server does not start, or does not use changed settings.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// PostgreSQL is not installed.
    #[error(
        "PostgreSQL is not installed; run `make setup-tests`, or set STOA_POSTGRES to the folder of initdb and postgres"
    )]
    Missing,
    /// A folder or a process cannot be created, or no port is free.
    #[error("cannot start PostgreSQL: {0}")]
    Io(#[from] io::Error),
    /// The server ended, or does not respond.
    #[error("PostgreSQL does not start: {0}")]
    Failed(String),
    /// The server responded with an error.
    #[error("PostgreSQL responded with an error: {0}")]
    Refused(#[from] postgres::Error),
}

/// A running server. Dropping this value stops the server.
pub struct Server {
    /// The process of [`SERVER_SCRIPT`].
    script: Child,
    port: u16,
    /// The folder with the data, the log and the Unix domain socket.
    folder: PathBuf,
    /// Number of databases and schemas that were created. Each new name contains this number, so the names are unique.
    created: AtomicU32,
}

/// States whether written data survives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Data survives a crash of the machine, as in production.
    Full,
    /// Data survives a crash of programs, but not of the machine. The server is faster, because it does not wait for the disk.
    None,
}

impl Server {
    /// Starts a server, and waits until the server accepts connections.
    ///
    /// # Errors
    /// If PostgreSQL is not installed, or does not start.
    pub fn start(durability: Durability) -> Result<Self, StartError> {
        let programs = find_programs().ok_or(StartError::Missing)?;
        let folder = tempfile::Builder::new()
            .prefix("stoa-postgres-")
            .tempdir()?
            .keep();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("sh");
        command
            .args(["-c", SERVER_SCRIPT, "sh"])
            .arg(&folder)
            .arg(&programs)
            .arg(port.to_string());
        if durability == Durability::None {
            command.args([
                "-c",
                "fsync=off",
                "-c",
                "synchronous_commit=off",
                "-c",
                "full_page_writes=off",
            ]);
        }
        command
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0);
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&folder, Some(NOBODY_ID), Some(NOBODY_ID))?;
            command.uid(NOBODY_ID).gid(NOBODY_ID);
        }
        let mut server = Self {
            script: command.spawn()?,
            port,
            folder,
            created: AtomicU32::new(0),
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The server that all tests of this process share. The server ends with the process.
    ///
    /// # Panics
    /// If the server cannot start. Every test that needs the database then fails.
    #[expect(clippy::panic, reason = "without its server, a test must fail")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start(Durability::None).unwrap_or_else(|error| panic!("{error}")))
    }

    fn wait_until_ready(&mut self) -> Result<(), StartError> {
        let begun = Instant::now();
        loop {
            let error = match self.administrator("postgres") {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let log = || {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                log.lines().rev().take(3).collect::<Vec<_>>().join(" / ")
            };
            if self.script.try_wait()?.is_some() {
                return Err(StartError::Failed(format!("the server ended: {}", log())));
            }
            if begun.elapsed() > START_DEADLINE {
                return Err(StartError::Failed(format!(
                    "{error} after {START_DEADLINE:?}: {}",
                    log()
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The server's host and port, such as `127.0.0.1:41234`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// CPU time (user and system) that all processes of the server have used so far, in steps of 10 ms. The sum includes the
    /// processes of connections that are already closed.
    pub fn cpu(&self) -> Duration {
        let group = self.script.id();
        let all: Vec<_> = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|process| Stat::read(&process.path()))
            .collect();
        let group_members: Vec<_> = all.iter().filter(|stat| stat.group == group).collect();
        // PostgreSQL starts a process for each connection. This process has its own process group, and its parent process is in the
        // server's process group.
        let is_connection =
            |stat: &Stat| group_members.iter().any(|member| member.pid == stat.parent);
        let server_processes = all
            .iter()
            .filter(|stat| stat.group == group || is_connection(stat));
        Duration::from_millis(server_processes.map(|stat| stat.ticks).sum::<u64>() * 10)
    }

    /// Connects to a database as superuser, through the server's Unix domain socket. So the connection needs neither TLS nor a
    /// password.
    ///
    /// # Errors
    /// If the server rejects the connection or a statement.
    pub fn administrator(&self, database: &str) -> Result<Client, postgres::Error> {
        let mut config = Client::configure();
        config.host_path(&self.folder).port(self.port);
        config.user("postgres").dbname(database).connect(NoTls)
    }

    /// Creates a database and a role of the same name for each service. Only this role may connect to the database. Returns a value
    /// for the application's variable `database_url`. In the returned value, `{service}` stands for the service's name.
    ///
    /// # Errors
    /// If the server rejects the connection or a statement.
    pub fn databases(&self, services: &[&str]) -> Result<String, postgres::Error> {
        self.create_databases(services, None)
    }

    /// Like [`Self::databases`], but the roles have passwords. In `password`, too, `{service}` stands for the service's name, so each
    /// role has a password of its own. The password may contain letters, digits and hyphens.
    ///
    /// # Errors
    /// If the server rejects the connection or a statement.
    pub fn databases_with_passwords(
        &self,
        services: &[&str],
        password: &str,
    ) -> Result<String, postgres::Error> {
        self.create_databases(services, Some(password))
    }

    fn create_databases(
        &self,
        services: &[&str],
        password: Option<&str>,
    ) -> Result<String, postgres::Error> {
        let prefix = format!("shop{}", self.created.fetch_add(1, Ordering::Relaxed));
        let mut administrator = self.administrator("postgres")?;
        for service in services {
            let name = format!("{prefix}_{service}");
            let login = match password {
                Some(password) => {
                    format!(
                        "LOGIN PASSWORD '{}'",
                        password.replace("{service}", service)
                    )
                }
                None => "LOGIN".to_owned(),
            };
            administrator.batch_execute(&format!("CREATE ROLE {name} {login}"))?;
            administrator.batch_execute(&format!("CREATE DATABASE {name} OWNER {name}"))?;
            administrator
                .batch_execute(&format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC"))?;
        }
        let password = password.map(|password| format!(":{password}"));
        Ok(format!(
            "postgres://{prefix}_{{service}}{}@{}/{prefix}_{{service}}",
            password.unwrap_or_default(),
            self.host()
        ))
    }

    /// Creates an empty schema in the database `postgres`. A schema takes less time to create than a database. Returns the URL for
    /// connections that use the schema.
    ///
    /// # Errors
    /// If the server rejects the connection or a statement.
    pub fn schema(&self) -> Result<String, postgres::Error> {
        let name = format!("test{}", self.created.fetch_add(1, Ordering::Relaxed));
        self.administrator("postgres")?
            .batch_execute(&format!("CREATE SCHEMA {name}"))?;
        Ok(format!(
            "postgres://postgres@{}/postgres?options=-c%20search_path%3D{name}",
            self.host()
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// The folder with the programs of the newest installed PostgreSQL. Searches STOA_POSTGRES, Debian's folder, and PATH.
fn find_programs() -> Option<PathBuf> {
    let has_programs = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    if let Some(folder) = std::env::var_os("STOA_POSTGRES").filter(|folder| !folder.is_empty()) {
        return Some(PathBuf::from(folder)).filter(has_programs);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<_> = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&path).collect();
    versions
        .into_iter()
        .rev()
        .map(|(_, bin)| bin)
        .chain(on_path)
        .find(has_programs)
}

/// A process, as Linux reports it in `/proc/PID/stat`.
struct Stat {
    pid: u32,
    parent: u32,
    group: u32,
    /// CPU time of the process and of its child processes that have ended, in ticks of 10 ms.
    ticks: u64,
}

impl Stat {
    fn read(process: &Path) -> Option<Self> {
        let stat = std::fs::read_to_string(process.join("stat")).ok()?;
        // The second field is the program's name in parentheses. It may contain spaces.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid: process.file_name()?.to_str()?.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            ticks: ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?,
        })
    }
}
