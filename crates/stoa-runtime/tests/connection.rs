//! A client that sends and receives the bytes of HTTP/1.1 itself, because a client library would hide details.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::Running;

/// A client connection for several requests in sequence.
pub(crate) struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(app: &Running) -> Self {
        Self::over(TcpStream::connect(app.address).unwrap())
    }

    pub(crate) fn over(socket: TcpStream) -> Self {
        let limit = Some(Duration::from_secs(30));
        socket.set_read_timeout(limit).unwrap();
        let received = Vec::new();
        Self { socket, received }
    }

    pub(crate) fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    }

    /// Sends `bytes`, and ignores errors. If the connection is broken, the next read shows the error.
    pub(crate) fn send(&mut self, bytes: &str) {
        let _ = self.socket.write_all(bytes.as_bytes());
    }

    /// Everything received so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// Reads until `part` arrives.
    pub(crate) fn read_until(&mut self, part: &str) {
        while !self.text().contains(part) {
            assert!(
                self.read_more(),
                "the connection closed before {part} arrived: {}",
                self.text()
            );
        }
    }

    /// Reads until `part` arrives or the server closes the connection. Returns everything received.
    pub(crate) fn read_to(&mut self, part: &str) -> String {
        while !self.text().contains(part) && self.read_more() {}
        self.text()
    }

    /// Reads until the server closes the connection. Returns everything received.
    pub(crate) fn read_to_end(&mut self) -> String {
        while self.read_more() {}
        self.text()
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}: {}", self.text()),
        }
    }
}
