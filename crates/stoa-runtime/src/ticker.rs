//! Advances the engine's epoch while guests run: each tick makes a computing guest yield once.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// Time that a guest may compute before others get their turn.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// After this many ticks without a request the thread sleeps until the next one.
const IDLE_TICKS: u32 = 200;

/// The thread, stopped on drop.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    active: AtomicBool,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(
        engine: Engine,
        busy: impl Fn() -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let run = move || {
            let mut idle = 0;
            while !seen.stop.load(Ordering::Relaxed) {
                std::thread::park_timeout(TICK);
                engine.increment_epoch();
                if seen.active.swap(false, Ordering::Relaxed) || busy() {
                    idle = 0;
                    continue;
                }
                idle += 1;
                if idle < IDLE_TICKS {
                    continue;
                }
                seen.asleep.store(true, Ordering::SeqCst);
                while !seen.active.load(Ordering::SeqCst) && !seen.stop.load(Ordering::Relaxed) {
                    std::thread::park();
                }
                seen.asleep.store(false, Ordering::SeqCst);
                idle = 0;
            }
        };
        let thread = Builder::new().name("stoa-epoch".into()).spawn(run)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Reports that a guest starts now.
    pub(crate) fn touch(&self) {
        // A load first: all workers share the cache line, and the flag is nearly always set already.
        if !self.shared.active.load(Ordering::Relaxed) {
            self.shared.active.store(true, Ordering::SeqCst);
        }
        if self.shared.asleep.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
