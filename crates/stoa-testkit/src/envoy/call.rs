//! Requests through an Envoy, and the responses with all headers in order.

use std::io::{BufReader, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;

use super::message::{self, Content, Message, Unframed, ZeroLength};
use super::tls::{Caller, Identity};

/// Read timeout of a connection. It is longer than every wait in a test.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Call {
    method: String,
    path: String,
    content: Content,
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status, such as 200.
    pub status: u16,
    /// All headers in order. A repeated header has several entries.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
    /// Time from the first byte of the request to the end of the response's headers.
    pub headers_after: Duration,
    /// Time from the first byte of the request to the last byte of the response.
    pub took: Duration,
}

/// A keep-alive connection, with one request at a time. After a response with `connection: close`, this type opens a new connection
/// for the next request. Envoy sends `connection: close` if it responds before it has read the whole request.
#[derive(Debug)]
pub struct Connection {
    to: SocketAddr,
    caller: Option<Caller>,
    reader: BufReader<Box<dyn Stream>>,
    closed: bool,
}

trait Stream: Read + Write + Send + std::fmt::Debug {
    /// The certificate that the peer presented, in DER; `None` without TLS.
    fn peer_certificate(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Stream for TcpStream {}
impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn peer_certificate(&self) -> Option<Vec<u8>> {
        Some(self.conn.peer_certificates()?.first()?.to_vec())
    }
}

impl Call {
    /// Creates a request with any method. Its `host` is `shop.test`, unless [`Call::header`] adds a header `host`.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            content: Content::default(),
        }
    }

    /// Creates a GET request.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// Creates a POST request.
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Adds a header. Headers with the same name are all sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.content.header(name, value);
        self
    }

    /// Sets a body, which is sent with `content-length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.content.body(body.into());
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sets a chunked body. Each chunk is written separately.
    #[must_use]
    pub fn chunks<B: Into<Vec<u8>>>(mut self, chunks: impl IntoIterator<Item = B>) -> Self {
        let chunks = chunks.into_iter().map(Into::into).collect();
        self.content.chunks(chunks);
        self
    }

    /// Adds a trailer. The body is then chunked.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.content.trailer(name, value);
        self
    }

    fn write(&self, to: &mut impl Write) -> Result<()> {
        let mut content = self.content.clone();
        if message::find(&content.headers, "host").is_none() {
            let host = ("host".to_owned(), "shop.test".to_owned());
            content.headers.insert(0, host);
        }
        let first = format!("{} {} HTTP/1.1", self.method, self.path);
        content.write(to, &first, ZeroLength::Omit)
    }
}

impl Reply {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        message::find(&self.headers, name)
    }

    /// All values of a header, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        message::all(&self.headers, name).collect()
    }

    /// A trailer's value.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        message::find(&self.trailers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, `Null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Returns the response if it has this status, and panics with its body and headers otherwise.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{:?}", self.text(), self.headers);
        self
    }
}

impl Connection {
    /// Connects by mutual TLS as `caller`. The server must be an Envoy that presents the SPIFFE identity `callee`.
    ///
    /// # Errors
    /// I/O and TLS errors.
    pub fn open_as(to: SocketAddr, caller: &Identity, callee: &str) -> Result<Self> {
        let caller = Caller::expecting(caller, callee).map_err(std::io::Error::other)?;
        Self::open(to, Some(caller))
    }

    /// Connects by TLS, without a client certificate, to a server on this machine. `authority` is the certificate (PEM) of the
    /// authority that issued the server's certificate.
    ///
    /// # Errors
    /// I/O and TLS errors.
    pub fn tls(to: SocketAddr, authority: &str) -> Result<Self> {
        let caller = Caller::without_certificate(authority).map_err(std::io::Error::other)?;
        Self::open(to, Some(caller))
    }

    /// The certificate that the peer presented, in DER; `None` before the first request, and without TLS.
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.reader.get_ref().peer_certificate()
    }

    /// Connects without TLS.
    ///
    /// # Errors
    /// I/O errors.
    pub fn plain(to: SocketAddr) -> Result<Self> {
        Self::open(to, None)
    }

    /// Opens a connection. If `caller` is given, the connection uses TLS.
    ///
    /// # Errors
    /// I/O errors.
    pub(super) fn open(to: SocketAddr, caller: Option<Caller>) -> Result<Self> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        let stream: Box<dyn Stream> = match &caller {
            Some(caller) => Box::new(caller.start_tls(socket)?),
            None => Box::new(socket),
        };
        Ok(Self {
            to,
            caller,
            reader: BufReader::new(stream),
            closed: false,
        })
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// If the connection breaks, or the response is not HTTP.
    pub fn send(&mut self, call: &Call) -> Result<Reply> {
        if self.closed {
            *self = Self::open(self.to, self.caller.clone())?;
        }
        let begun = Instant::now();
        // A write error alone is not a failure: the peer may respond, and close the connection, before it has read the whole
        // request.
        let written = call.write(self.reader.get_mut());
        let head = message::read_head(&mut self.reader).and_then(|head| match (head, written) {
            (Some(head), _) => Ok(head),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(std::io::ErrorKind::UnexpectedEof.into()),
        });
        let mut message = head?;
        let headers_after = begun.elapsed();
        let unframed = match call.method.as_str() {
            "HEAD" => None,
            _ => Some(Unframed::UntilClosed),
        };
        if let Some(unframed) = unframed {
            message::read_body(&mut self.reader, &mut message, unframed)?;
        }
        self.closed = message::find(&message.headers, "connection") == Some("close");
        reply(message, headers_after, begun.elapsed())
    }
}

fn reply(message: Message, headers_after: Duration, took: Duration) -> Result<Reply> {
    let status = message.first.split(' ').nth(1).and_then(|s| s.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(message.first.clone()))?;
    Ok(Reply {
        status,
        headers: message.headers,
        body: message.body,
        trailers: message.trailers,
        headers_after,
        took,
    })
}
