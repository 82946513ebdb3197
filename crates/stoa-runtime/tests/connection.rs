//! HTTP/1.1 byte by byte, with details that a client library would hide.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::Running;

/// A connection for several sequential requests.
pub(crate) struct Connection {
    socket: TcpStream,
    seen: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(app: &Running) -> Self {
        Self::over(TcpStream::connect(app.address).unwrap())
    }

    pub(crate) fn over(socket: TcpStream) -> Self {
        let limit = Some(Duration::from_secs(30));
        socket.set_read_timeout(limit).unwrap();
        let seen = Vec::new();
        Self { socket, seen }
    }

    pub(crate) fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    }

    /// Ignores errors: if the connection is broken already, the next read shows it.
    pub(crate) fn send(&mut self, bytes: &str) {
        let _ = self.socket.write_all(bytes.as_bytes());
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Reads until `part` arrives.
    pub(crate) fn read_until(&mut self, part: &str) {
        while !self.text().contains(part) {
            assert!(self.read_more(), "closed before {part}: {}", self.text());
        }
    }

    /// Reads until `part` arrives or the connection ends.
    pub(crate) fn read_to(&mut self, part: &str) -> String {
        while !self.text().contains(part) && self.read_more() {}
        self.text()
    }

    /// Reads to the end of the connection; returns everything received.
    pub(crate) fn read_to_end(&mut self) -> String {
        while self.read_more() {}
        self.text()
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.seen.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}: {}", self.text()),
        }
    }
}
