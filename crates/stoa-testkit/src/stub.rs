//! An HTTP server that replaces a service which the tested service calls. The server records its requests, and a function of the
//! test makes the responses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::envoy::{Identity, server};

/// A request that a [`Stub`] received.
#[derive(Debug, Clone)]
pub struct StubRequest {
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
    /// The server name (SNI) that a TLS client sent; `None` without TLS.
    pub server_name: Option<String>,
}

/// The response of a [`Stub`] to a request.
#[derive(Debug, Clone)]
pub enum StubResponse {
    /// A response with a status, headers and a JSON body.
    Answer(u16, Vec<(&'static str, String)>, Value),
    /// No response: the stub keeps the connection open until the client closes it.
    Silence,
    /// No response: the stub closes the connection.
    Disconnect,
}

impl StubResponse {
    /// A response with a JSON body. A status of 400 or more has the content type of problem documents.
    pub fn json(status: u16, body: Value) -> Self {
        Self::Answer(status, Vec::new(), body)
    }

    /// A problem document with this `code`.
    pub fn problem(status: u16, code: &str) -> Self {
        Self::json(
            status,
            serde_json::json!({"type": "about:blank", "title": code, "status": status, "code": code,
                "detail": format!("the test makes this stub respond with {code}"), "instance": "/", "request_id": "stub"}),
        )
    }
}

/// An HTTP server on its own port, which runs until the test's process ends.
#[derive(Debug, Clone)]
pub struct Stub {
    url: String,
    seen: Arc<Mutex<Vec<StubRequest>>>,
    /// The TLS configuration with the current certificate; `None` without TLS.
    tls: Option<Arc<Mutex<Arc<ServerConfig>>>>,
}

type Script = dyn Fn(&StubRequest) -> StubResponse + Send + Sync;

impl Stub {
    /// Starts the stub on a free port.
    #[track_caller]
    pub fn start(script: impl Fn(&StubRequest) -> StubResponse + Send + Sync + 'static) -> Self {
        Self::listen(None, script)
    }

    /// Starts the stub with TLS and this certificate.
    #[track_caller]
    pub fn start_tls(
        identity: &Identity,
        script: impl Fn(&StubRequest) -> StubResponse + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(Mutex::new(server(identity)));
        Self::listen(Some(config), script)
    }

    /// Presents the certificate of `identity` on all later connections.
    #[track_caller]
    pub fn present(&self, identity: &Identity) {
        match &self.tls {
            Some(config) => *lock(config) = server(identity),
            None => panic!("{} does not use TLS", self.url),
        }
    }

    #[track_caller]
    fn listen(
        tls: Option<Arc<Mutex<Arc<ServerConfig>>>>,
        script: impl Fn(&StubRequest) -> StubResponse + Send + Sync + 'static,
    ) -> Self {
        let bound = TcpListener::bind("127.0.0.1:0").and_then(|l| Ok((l.local_addr()?, l)));
        let (address, listener) = match bound {
            Ok(bound) => bound,
            Err(error) => panic!("cannot open a port for a stub: {error}"),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let stub = Self {
            url: format!("{scheme}://{address}"),
            seen: Arc::default(),
            tls,
        };
        let (seen, tls, script) = (
            stub.seen.clone(),
            stub.tls.clone(),
            Arc::<Script>::from(Box::new(script) as Box<Script>),
        );
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (seen.clone(), script.clone());
                let config = tls.as_deref().map(|config| lock(config).clone());
                // An error is ignored here, because the client reports a broken connection.
                thread::spawn(move || match config {
                    Some(config) => drop(converse_over_tls(stream, config, &seen, &*script)),
                    None => drop(converse(stream, None, &seen, &*script)),
                });
            }
        });
        stub
    }

    /// The stub's URL, such as `http://127.0.0.1:40000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All requests so far whose path begins with `path`, in order of arrival.
    pub fn seen(&self, path: &str) -> Vec<StubRequest> {
        let seen = lock(&self.seen);
        seen.iter()
            .filter(|s| s.path.starts_with(path))
            .cloned()
            .collect()
    }
}

/// A URL at which no program listens.
pub fn unreachable_url() -> String {
    // Port 1 is the port of tcpmux, which no program uses, and the system never assigns port 1 as a free port.
    "http://127.0.0.1:1".to_owned()
}

impl StubRequest {
    /// A header's value; `None` if the header is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Handles a connection with TLS: does the TLS handshake, and then calls [`converse`].
fn converse_over_tls(
    mut socket: TcpStream,
    config: Arc<ServerConfig>,
    seen: &Mutex<Vec<StubRequest>>,
    script: &Script,
) -> std::io::Result<()> {
    let mut tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    tls.complete_io(&mut socket)?;
    let name = tls.server_name().map(str::to_owned);
    converse(StreamOwned::new(tls, socket), name, seen, script)
}

/// Handles a connection: reads one request, sends one response, and closes the connection.
fn converse(
    stream: impl Read + Write,
    server_name: Option<String>,
    seen: &Mutex<Vec<StubRequest>>,
    script: &Script,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(request) = read(&mut reader)? else {
        return Ok(());
    };
    let request = StubRequest {
        server_name,
        ..request
    };
    lock(seen).push(request.clone());
    match script(&request) {
        StubResponse::Answer(status, headers, body) => {
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
        // Reading ends when the client closes the connection.
        StubResponse::Silence => reader.read_to_end(&mut Vec::new()).map(drop),
        StubResponse::Disconnect => Ok(()),
    }
}

/// Reads a request; `None` if the client closed the connection without a request.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<StubRequest>> {
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
    Ok(Some(StubRequest {
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

    use super::{Stub, StubResponse, unreachable_url};
    use crate::Client;

    #[test]
    fn a_stub_records_its_requests_and_sends_the_responses_of_the_test() {
        let stub = Stub::start(|seen| match seen.path.as_str() {
            "/disconnect" => StubResponse::Disconnect,
            "/gone" => StubResponse::json(204, json!(null)),
            path => StubResponse::Answer(418, vec![("x-path", path.to_owned())], seen.json.clone()),
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
        assert!(client.get("/disconnect").try_send().is_err());
        let seen = stub.seen("/a");
        assert_eq!(
            (seen.len(), seen[0].method.as_str(), seen[0].header("x-y")),
            (1, "POST", Some("z"))
        );
        assert_eq!(stub.seen("/").len(), 3);
        assert!(Client::new(unreachable_url()).get("/").try_send().is_err());
    }
}
