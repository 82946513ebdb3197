//! A neighbour that a test plays itself: an HTTP server that records its requests and responds as the test defines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::envoy::{Identity, server};

/// A request as received.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The body as JSON, `Null` if it is not JSON.
    pub json: Value,
    /// The server name (SNI) of a TLS caller.
    pub server_name: Option<String>,
}

/// How a [`Stub`] handles a request.
#[derive(Debug, Clone)]
pub enum Play {
    /// Responds with a status, headers and a JSON body.
    Answer(u16, Vec<(&'static str, String)>, Value),
    /// Keeps the connection open and sends nothing until the peer gives up.
    Silence,
    /// Closes the connection without a response.
    Cut,
}

impl Play {
    /// A response with a JSON body; an error gets a problem document's content type.
    pub fn json(status: u16, body: Value) -> Self {
        Self::Answer(status, Vec::new(), body)
    }

    /// A problem document with this `code`.
    pub fn problem(status: u16, code: &str) -> Self {
        Self::json(
            status,
            serde_json::json!({"type": "about:blank", "title": code, "status": status, "code": code,
                "detail": format!("the test scripts {code}"), "instance": "/", "request_id": "stub"}),
        )
    }
}

/// The server. It runs until the test's process ends.
#[derive(Debug, Clone)]
pub struct Stub {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// The TLS configuration with its certificate, if the stub uses TLS.
    shows: Option<Arc<Mutex<Arc<ServerConfig>>>>,
}

type Script = dyn Fn(&Seen) -> Play + Send + Sync;

impl Stub {
    /// Starts the stub on a free port.
    #[track_caller]
    pub fn start(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> Self {
        Self::listen(None, script)
    }

    /// Starts the stub with TLS and this certificate.
    #[track_caller]
    pub fn start_tls(
        identity: &Identity,
        script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(Mutex::new(server(identity)));
        Self::listen(Some(config), script)
    }

    /// Presents another certificate from the next connection on.
    #[track_caller]
    pub fn show(&self, identity: &Identity) {
        match &self.shows {
            Some(shows) => *lock(shows) = server(identity),
            None => panic!("{} speaks no TLS", self.url),
        }
    }

    #[track_caller]
    fn listen(
        shows: Option<Arc<Mutex<Arc<ServerConfig>>>>,
        script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
    ) -> Self {
        let bound = TcpListener::bind("127.0.0.1:0").and_then(|l| Ok((l.local_addr()?, l)));
        let (address, listener) = match bound {
            Ok(bound) => bound,
            Err(error) => panic!("a port for a stub: {error}"),
        };
        let scheme = if shows.is_some() { "https" } else { "http" };
        let stub = Self {
            url: format!("{scheme}://{address}"),
            seen: Arc::default(),
            shows,
        };
        let (seen, shows, script) = (
            stub.seen.clone(),
            stub.shows.clone(),
            Arc::<Script>::from(Box::new(script) as Box<Script>),
        );
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (seen.clone(), script.clone());
                let config = shows.as_deref().map(|shows| lock(shows).clone());
                // A broken connection is the caller's error to report.
                thread::spawn(move || match config {
                    Some(config) => drop(secure(stream, config, &seen, &*script)),
                    None => drop(converse(stream, None, &seen, &*script)),
                });
            }
        });
        stub
    }

    /// Its address, `http://127.0.0.1:40000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All requests so far whose path begins with `path`, in order of arrival.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = lock(&self.seen);
        seen.iter()
            .filter(|s| s.path.starts_with(path))
            .cloned()
            .collect()
    }
}

/// An address where no program listens.
pub fn nobody() -> String {
    // tcpmux: no program serves it, and the system does not assign it as a free port.
    "http://127.0.0.1:1".to_owned()
}

impl Seen {
    /// A header's value, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`converse`], after the TLS handshake.
fn secure(
    mut socket: TcpStream,
    config: Arc<ServerConfig>,
    seen: &Mutex<Vec<Seen>>,
    script: &Script,
) -> std::io::Result<()> {
    let mut tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    tls.complete_io(&mut socket)?;
    let name = tls.server_name().map(str::to_owned);
    converse(StreamOwned::new(tls, socket), name, seen, script)
}

/// One request and one response, then the connection closes: no framing between requests is needed.
fn converse(
    stream: impl Read + Write,
    server_name: Option<String>,
    seen: &Mutex<Vec<Seen>>,
    script: &Script,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(request) = read(&mut reader)? else {
        return Ok(());
    };
    let request = Seen {
        server_name,
        ..request
    };
    lock(seen).push(request.clone());
    match script(&request) {
        Play::Answer(status, headers, body) => {
            let kind = if status >= 400 {
                "application/problem+json"
            } else {
                "application/json"
            };
            let body = if body.is_null() {
                String::new()
            } else {
                body.to_string()
            };
            let mut head = format!("HTTP/1.1 {status} Scripted\r\nconnection: close\r\n");
            if status != 204 {
                head += &format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len());
            }
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            let stream = reader.get_mut();
            stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
            stream.flush()
        }
        // Ends when the peer closes the connection.
        Play::Silence => reader.read_to_end(&mut Vec::new()).map(drop),
        Play::Cut => Ok(()),
    }
}

/// Reads a request; `None` if the peer only connected.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Seen>> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = HeaderMap::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name),
            HeaderValue::try_from(value.trim()),
        ) {
            headers.append(name, value);
        }
    }
    let length = headers
        .get("content-length")
        .and_then(|v| v.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    match length {
        Some(length) => reader.take(length).read_to_end(&mut body).map(drop)?,
        None if headers.contains_key("transfer-encoding") => loop {
            let size = u64::from_str_radix(line(reader)?.trim(), 16).unwrap_or(0);
            reader.take(size).read_to_end(&mut body)?;
            line(reader)?;
            if size == 0 {
                break;
            }
        },
        None => {}
    }
    Ok(Some(Seen {
        method: method.to_owned(),
        path: path.to_owned(),
        json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        headers,
        body,
        server_name: None,
    }))
}

fn line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Play, Stub, nobody};
    use crate::Client;

    #[test]
    fn keeps_what_it_was_asked_and_answers_as_it_is_told() {
        let stub = Stub::start(|seen| match seen.path.as_str() {
            "/cut" => Play::Cut,
            "/gone" => Play::json(204, json!(null)),
            path => Play::Answer(418, vec![("x-path", path.to_owned())], seen.json.clone()),
        });
        let client = Client::new(stub.url());
        let answer = client
            .post("/a?b")
            .header("x-y", "z")
            .json(&json!({"c": 1}))
            .send()
            .expect(418);
        assert_eq!(
            (answer.header("x-path"), &answer.json),
            (Some("/a?b"), &json!({"c": 1}))
        );
        let _ = client.get("/gone").send().expect(204);
        assert!(client.get("/cut").try_send().is_err());
        let seen = stub.seen("/a");
        assert_eq!(
            (seen.len(), seen[0].method.as_str(), seen[0].header("x-y")),
            (1, "POST", Some("z"))
        );
        assert_eq!(stub.seen("/").len(), 3);
        assert!(Client::new(nobody()).get("/").try_send().is_err());
    }
}
