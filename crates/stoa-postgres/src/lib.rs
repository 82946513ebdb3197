//! A private PostgreSQL server, for tests and benchmarks. It starts the installed server on a free port of this machine, with a
//! temporary folder that is removed at the end. The server runs as an unprivileged user, since it refuses to run as root. From
//! PostgreSQL 15 on it sorts in English order and not by bytes: many servers do so, and no program should rely on either order.
//! The server ends with the program that started it, even after a crash.
#![forbid(unsafe_code)]

use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

/// Deadline for the first start of a server on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// `nobody`, on every Linux system.
const NOBODY_ID: u32 = 65534;
/// Runs until its parent closes its standard input or dies, then removes everything.
const LIFE_SCRIPT: &str = r#"
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

/// Whether this test run uses PostgreSQL.
///
/// # Panics
/// If STOA_TEST_DATABASE is neither `sqlite` nor `postgres`.
#[expect(
    clippy::panic,
    reason = "a test of another database than the wanted one must not pass"
)]
pub fn wanted() -> bool {
    match std::env::var("STOA_TEST_DATABASE").as_deref() {
        Err(_) | Ok("" | "sqlite") => false,
        Ok("postgres") => true,
        Ok(other) => panic!("STOA_TEST_DATABASE={other}: expected sqlite or postgres"),
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It is not installed.
    #[error(
        "no PostgreSQL: `make setup-tests` installs it; or set STOA_POSTGRES to the folder of its programs (initdb, postgres)"
    )]
    Missing,
    /// A program of it cannot be run.
    #[error("PostgreSQL: {0}")]
    Io(#[from] io::Error),
    /// The server ended, or does not answer.
    #[error("PostgreSQL does not start: {0}")]
    Failed(String),
    /// The server answered with an error.
    #[error("PostgreSQL: {0}")]
    Refused(#[from] postgres::Error),
}

/// A running server. Dropping it stops the server.
pub struct Server {
    life: Child,
    port: u16,
    made: AtomicU32,
}

/// Whether written data survives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Yes, as in production.
    Full,
    /// No, since the server does not wait for the disk: enough if only programs are killed.
    None,
}

impl Server {
    /// Starts a server, and waits until it answers.
    ///
    /// # Errors
    /// If PostgreSQL is not installed, or does not start.
    pub fn start(durability: Durability) -> Result<Self, StartError> {
        let programs = find().ok_or(StartError::Missing)?;
        let folder = tempfile::Builder::new()
            .prefix("stoa-postgres-")
            .tempdir()?
            .keep();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("sh");
        command
            .args(["-c", LIFE_SCRIPT, "sh"])
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
            life: command.spawn()?,
            port,
            made: AtomicU32::new(0),
        };
        server.wait(&folder)?;
        Ok(server)
    }

    /// The shared server of this process, for tests. It ends with the process.
    ///
    /// # Panics
    /// If it cannot start: a test without its database cannot pass.
    #[expect(clippy::panic, reason = "a test without its database cannot continue")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start(Durability::None).unwrap_or_else(|error| panic!("{error}")))
    }

    fn wait(&mut self, folder: &Path) -> Result<(), StartError> {
        let begun = Instant::now();
        loop {
            let error = match self.administrator("postgres") {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let log = || {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                log.lines().rev().take(3).collect::<Vec<_>>().join(" / ")
            };
            if self.life.try_wait()?.is_some() {
                return Err(StartError::Failed(format!("it ended: {}", log())));
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

    /// Its host and port, `127.0.0.1:41234`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// User and system time of all its processes so far, in steps of 10 ms. Connections that have ended count too.
    pub fn cpu(&self) -> Duration {
        let group = self.life.id();
        let all: Vec<_> = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|process| Stat::read(&process.path()))
            .collect();
        let ours: Vec<_> = all.iter().filter(|stat| stat.group == group).collect();
        // A connection's process has its own group, and a parent in the server's group.
        let is_child = |stat: &Stat| ours.iter().any(|one| one.pid == stat.parent);
        let counted = all
            .iter()
            .filter(|stat| stat.group == group || is_child(stat));
        Duration::from_millis(counted.map(|stat| stat.ticks).sum::<u64>() * 10)
    }

    /// A connection as superuser.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn administrator(&self, database: &str) -> Result<Client, postgres::Error> {
        Client::connect(
            &format!("postgres://postgres@{}/{database}", self.host()),
            NoTls,
        )
    }

    /// Creates a database and a role of the same name for each service. Returns the value of `database_url`, in which `{service}`
    /// stands for the service's name.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn databases(&self, services: &[&str]) -> Result<String, postgres::Error> {
        let prefix = format!("shop{}", self.made.fetch_add(1, Ordering::Relaxed));
        let mut administrator = self.administrator("postgres")?;
        for service in services {
            let name = format!("{prefix}_{service}");
            administrator.batch_execute(&format!("CREATE ROLE {name} LOGIN"))?;
            administrator.batch_execute(&format!("CREATE DATABASE {name} OWNER {name}"))?;
        }
        Ok(format!(
            "postgres://{prefix}_{{service}}@{}/{prefix}_{{service}}",
            self.host()
        ))
    }

    /// Creates an empty schema in the shared database, which is much cheaper than a database. Returns the address of a connection
    /// to it.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn schema(&self) -> Result<String, postgres::Error> {
        let name = format!("test{}", self.made.fetch_add(1, Ordering::Relaxed));
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
        drop(self.life.stdin.take());
        let _ = self.life.wait();
    }
}

/// The folder of the newest installed server. Searches STOA_POSTGRES, Debian's folder, and PATH.
fn find() -> Option<PathBuf> {
    let has = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    if let Some(named) = std::env::var_os("STOA_POSTGRES").filter(|named| !named.is_empty()) {
        return Some(PathBuf::from(named)).filter(has);
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
        .find(has)
}

/// A process, as Linux reports it.
struct Stat {
    pid: u32,
    parent: u32,
    group: u32,
    /// CPU time of the process and of the children that it waited for, in ticks of 10 ms.
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
