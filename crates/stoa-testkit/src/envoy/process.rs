//! A running Envoy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Child;
use std::sync::Mutex;

use tempfile::TempDir;

use super::call::{Call, Connection, Reply};
use super::log::{log, tail};
use super::must::must;
use super::pushed::Pushed;
use super::tls::{Caller, Identity};
use super::watch::{Watch, stop};
use crate::client::Client;

/// A running Envoy. Dropping this value kills the Envoy and removes its folder. If the test failed, the last lines of the log are
/// printed.
#[derive(Debug)]
pub struct Envoy {
    pub(super) folder: TempDir,
    pub(super) admin: Client,
    pub(super) pushed: Mutex<BTreeMap<String, Pushed>>,
    pub(super) address: SocketAddr,
    pub(super) child: Child,
    pub(super) watch: Watch,
}

impl Envoy {
    /// The address of the Envoy's listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The text of the whole log.
    pub fn log(&self) -> String {
        log(self.folder.path())
    }

    /// The last lines of the log, with a heading.
    pub fn log_tail(&self) -> String {
        tail(self.folder.path())
    }

    /// Opens a keep-alive connection.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        self.connection(None)
    }

    /// Opens a keep-alive connection by mutual TLS with this identity, for a listener with [`super::Setup::mtls`].
    #[track_caller]
    pub fn connect_as(&self, identity: &Identity) -> Connection {
        self.connection(Some(Caller::new(identity)))
    }

    #[track_caller]
    fn connection(&self, caller: Option<Caller>) -> Connection {
        must(
            "cannot connect to Envoy",
            Connection::open(self.address, caller),
        )
    }

    /// Sends one request on a new connection; panics if no complete response arrives.
    #[track_caller]
    pub fn send(&self, call: Call) -> Reply {
        must("no response from Envoy", self.try_send(call))
    }

    /// Sends one request on a new connection.
    ///
    /// # Errors
    /// If no complete response arrives.
    pub fn try_send(&self, call: Call) -> std::io::Result<Reply> {
        Connection::open(self.address, None)?.send(&call)
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
        stop(&mut self.child, &mut self.watch);
    }
}
