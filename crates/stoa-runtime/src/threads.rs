//! The tokio runtime that guests should run on.

/// Creates a multi-threaded tokio runtime for guests that compute. One poll of a computing guest takes a whole tick (1 ms). So
/// tokio checks for network events after 16 polls, and not after 61 as by default.
///
/// `workers` is the number of threads. None: one thread per core.
///
/// # Errors
/// If the system cannot start threads.
pub fn tokio_runtime(workers: Option<usize>) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = workers {
        builder.worker_threads(workers.max(1));
    }
    builder
        .thread_name("stoa-worker")
        .event_interval(16)
        .global_queue_interval(16)
        .enable_all()
        .build()
}
