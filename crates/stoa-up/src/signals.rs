//! Waits for Ctrl-C and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::UpError;

/// Receives Ctrl-C and SIGTERM. After [`Signals::listen`], these signals no longer end the process.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to receive both signals. This replaces the default handling, which ends the process.
    ///
    /// # Errors
    /// [`UpError::Signals`].
    pub fn listen() -> Result<Self, UpError> {
        let receiver = |kind| signal(kind).map_err(UpError::Signals);
        Ok(Self {
            interrupt: receiver(SignalKind::interrupt())?,
            terminate: receiver(SignalKind::terminate())?,
        })
    }

    /// Completes at the next signal.
    pub async fn next_signal(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
