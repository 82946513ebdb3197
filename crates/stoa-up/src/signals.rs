//! Ctrl-C and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::UpError;

/// Ctrl-C and SIGTERM. After [`Signals::listen`], they no longer end the process.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes over the handling of both signals.
    ///
    /// # Errors
    /// [`UpError::Signals`].
    pub fn listen() -> Result<Self, UpError> {
        let one = |kind| signal(kind).map_err(UpError::Signals);
        Ok(Self {
            interrupt: one(SignalKind::interrupt())?,
            terminate: one(SignalKind::terminate())?,
        })
    }

    /// Completes at the next signal.
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
