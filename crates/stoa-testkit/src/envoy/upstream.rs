//! The server behind a test's Envoy. The server records its requests, and a function of the test makes the responses.

use std::io::{BufReader, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::message::{self, Content, Message, Unframed, ZeroLength};

/// A request that an [`Upstream`] received from Envoy.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// All headers in order. A repeated header has several entries.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
}

/// A response of an [`Upstream`]. The default is 200 with an empty body.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    content: Content,
    after: Duration,
    disconnect: bool,
}

type Script = dyn Fn(&Received) -> Response + Send + Sync;

/// An HTTP server on its own port. Both [`Upstream::stop`] and dropping this value close the port and all connections.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    seen: Mutex<Vec<Received>>,
    open: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl Received {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        message::find(&self.headers, name)
    }

    /// All values of a header, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        message::all(&self.headers, name).collect()
    }

    /// The body as JSON, `Null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Default for Response {
    fn default() -> Self {
        Self::status(200)
    }
}

impl Response {
    /// An empty response with this status.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            content: Content::default(),
            after: Duration::ZERO,
            disconnect: false,
        }
    }

    /// No response: the server closes the connection.
    pub fn disconnect() -> Self {
        Self {
            disconnect: true,
            ..Self::default()
        }
    }

    /// Adds a header.
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

    /// Delays the response by this time.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    fn write(&self, to: &mut impl Write, method: &str) -> Result<()> {
        let first = format!("HTTP/1.1 {} Scripted", self.status);
        match (method, self.status) {
            ("HEAD", _) | (_, 204 | 304) => {
                let mut head = Content::default();
                head.headers.clone_from(&self.content.headers);
                head.write(to, &first, ZeroLength::Omit)
            }
            _ => self.content.write(to, &first, ZeroLength::Send),
        }
    }
}

impl Upstream {
    /// Starts the server on a free port.
    #[track_caller]
    pub fn start(script: impl Fn(&Received) -> Response + Send + Sync + 'static) -> Self {
        let bound = TcpListener::bind("127.0.0.1:0").and_then(|l| Ok((l.local_addr()?, l)));
        let (address, listener) = match bound {
            Ok(bound) => bound,
            Err(error) => panic!("cannot open a port for an upstream: {error}"),
        };
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            open: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let serving = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stopped.load(Ordering::Acquire) {
                    return; // drops the listener, which closes the port
                }
                if let Ok(clone) = stream.try_clone() {
                    lock(&serving.open).push(clone);
                }
                let shared = serving.clone();
                // An error is ignored here, because the caller reports a broken connection.
                thread::spawn(move || {
                    drop(shared.converse(&stream));
                    drop(stream.shutdown(Shutdown::Both)); // `open` holds a clone, so dropping `stream` does not close it
                });
            }
        });
        Self { address, shared }
    }

    /// Starts an upstream that responds to every request with 200 and `body`. The body identifies the upstream.
    #[track_caller]
    pub fn named(body: &'static str) -> Self {
        Self::start(move |_| Response::default().body(body))
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far, in order of arrival.
    pub fn seen(&self) -> Vec<Received> {
        lock(&self.shared.seen).clone()
    }

    /// All requests since the previous call of `take_requests`.
    pub fn take_requests(&self) -> Vec<Received> {
        std::mem::take(&mut lock(&self.shared.seen))
    }

    /// Closes the port and every connection.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        // The connection wakes the listener, which then checks `stopped`.
        drop(TcpStream::connect(self.address));
        for stream in lock(&self.shared.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn converse(&self, stream: &TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(mut message) = message::read_head(&mut reader)? {
            message::read_body(&mut reader, &mut message, Unframed::Empty)?;
            let received = received(message);
            lock(&self.seen).push(received.clone());
            let response = (self.script)(&received);
            thread::sleep(response.after);
            if response.disconnect {
                return Ok(());
            }
            response.write(&mut &*stream, &received.method)?;
        }
        Ok(())
    }
}

fn received(message: Message) -> Received {
    let mut words = message.first.split(' ').map(str::to_owned);
    Received {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        headers: message.headers,
        body: message.body,
        trailers: message.trailers,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
