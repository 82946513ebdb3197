//! The output of guests, line by line. Each line is passed on as a whole, so the text of one guest never mixes with the text of
//! another within a line.
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A line that reaches this size in bytes is cut into pieces. Without this limit, a guest that never ends its line would exhaust
/// the host's memory.
const MAX_LINE_BYTES: usize = 64 << 10;

/// The standard stream to which a guest wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives the lines that guests print.
pub trait Output: Send + Sync + 'static {
    /// Receives one line of `component`, including the newline. The runtime calls this function on a thread that runs guests, so it
    /// must not block for long.
    fn line(&self, component: &str, stream: Stream, line: &[u8]);
}

/// Writes each line unchanged to this process's stdout or stderr, with one write per line.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessOutput;

impl Output for ProcessOutput {
    fn line(&self, _component: &str, stream: Stream, line: &[u8]) {
        // The result is ignored, because a closed stdout must not fail a request.
        let _ = match stream {
            Stream::Stdout => {
                let mut out = std::io::stdout().lock();
                out.write_all(line).and_then(|()| out.flush())
            }
            Stream::Stderr => std::io::stderr().lock().write_all(line),
        };
    }
}

/// The stdout or stderr of one instance. If the guest opens stdout several times, all these streams write to the same line.
#[derive(Clone)]
pub(crate) struct GuestOutput(Arc<Lines>);

impl GuestOutput {
    pub(crate) fn new(component: Arc<str>, stream: Stream, sink: Arc<dyn Output>) -> Self {
        Self(Arc::new(Lines {
            component,
            stream,
            sink,
            partial: Mutex::new(Vec::new()),
        }))
    }
}

/// Collects bytes until a line is complete.
struct Lines {
    component: Arc<str>,
    stream: Stream,
    sink: Arc<dyn Output>,
    partial: Mutex<Vec<u8>>,
}

impl Lines {
    fn append(&self, bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let whole = piece.ends_with(b"\n");
            if partial.is_empty() && whole {
                self.send(piece);
                continue;
            }
            partial.extend_from_slice(piece);
            let too_long = partial.len() >= MAX_LINE_BYTES;
            if too_long && !whole {
                partial.push(b'\n');
            }
            if too_long || whole {
                self.send(&partial);
                partial.clear();
            }
        }
    }

    fn send(&self, line: &[u8]) {
        self.sink.line(&self.component, self.stream, line);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let mut last = std::mem::take(
            self.partial
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if !last.is_empty() {
            last.push(b'\n');
            self.send(&last);
        }
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE_BYTES)
    }
}

impl AsyncWrite for GuestOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.0.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
