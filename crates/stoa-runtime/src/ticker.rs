//! A thread that advances the engine's epoch while guests run. Each tick makes a computing guest yield once.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// The time that a guest may compute before it yields to other guests.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// The number of ticks without a running request after which the thread sleeps. The next request wakes the thread.
const IDLE_TICKS: u32 = 200;

/// The ticker's thread, which stops when this value is dropped.
pub(crate) struct Ticker {
    flags: Arc<Flags>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Flags {
    /// True if a guest has started since the last tick.
    active: AtomicBool,
    /// True while the ticker's thread sleeps. The thread sleeps until a guest starts.
    asleep: AtomicBool,
    /// True if the thread must end.
    stop: AtomicBool,
}

impl Ticker {
    /// Starts the thread. `any_running` returns whether any request runs.
    pub(crate) fn start(
        engine: Engine,
        any_running: impl Fn() -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let flags = Arc::new(Flags::default());
        let thread_flags = Arc::clone(&flags);
        let run = move || {
            let mut idle = 0;
            while !thread_flags.stop.load(Ordering::Relaxed) {
                std::thread::park_timeout(TICK);
                engine.increment_epoch();
                if thread_flags.active.swap(false, Ordering::Relaxed) || any_running() {
                    idle = 0;
                    continue;
                }
                idle += 1;
                if idle < IDLE_TICKS {
                    continue;
                }
                thread_flags.asleep.store(true, Ordering::SeqCst);
                while !thread_flags.active.load(Ordering::SeqCst)
                    && !thread_flags.stop.load(Ordering::Relaxed)
                {
                    std::thread::park();
                }
                thread_flags.asleep.store(false, Ordering::SeqCst);
                idle = 0;
            }
        };
        let thread = Builder::new().name("stoa-epoch".into()).spawn(run)?;
        Ok(Self {
            flags,
            thread: Some(thread),
        })
    }

    /// Wakes the ticker's thread if it sleeps. The caller calls this function when it starts a guest.
    pub(crate) fn wake(&self) {
        // The flag is read before it is written. It is nearly always set already, and a write would slow down all workers, because
        // they share the cache line of the flag.
        if !self.flags.active.load(Ordering::Relaxed) {
            self.flags.active.store(true, Ordering::SeqCst);
        }
        if self.flags.asleep.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.flags.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
