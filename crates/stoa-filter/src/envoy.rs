//! The calls that filters make to Envoy. A failed call returns an empty result, because each filter must handle an empty result
//! anyway.
//!
//! Some calls of the SDK panic. Calls that return text panic if the bytes are not UTF-8, and other calls panic if Envoy returns an
//! unknown status. A panic ends the VM and all requests of the worker. So this module does not use these calls.

use std::cell::RefCell;
use std::ptr;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType};

use crate::document::ConfigErrors;
use crate::pairs::Pairs;

#[expect(
    unsafe_code,
    reason = "the SDK's variant of this ABI call costs more: it copies every name and value"
)]
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

#[expect(unsafe_code, reason = "std does not offer this WASI call")]
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(data: *mut u8, size: usize) -> u32;
}

/// All headers of the request, read in one call.
pub fn request_headers() -> Pairs {
    headers(MapType::HttpRequestHeaders)
}

/// All headers of the response, read in one call. (Envoy's call for a single header returns only the first value of a repeated
/// header.)
pub fn response_headers() -> Pairs {
    headers(MapType::HttpResponseHeaders)
}

/// Reads a whole map of headers. Envoy calls the VM to allocate memory for each result, so reading a single header costs nearly as
/// much as reading the whole map. The SDK's own call copies every name and value once more.
fn headers(map: MapType) -> Pairs {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    #[expect(
        unsafe_code,
        reason = "the SDK's variant of this ABI call costs more: it copies every name and value"
    )]
    // SAFETY: both pointers point to local variables. On success `data` points to `size` bytes that Envoy allocated with the SDK's
    // `proxy_on_memory_allocate`. That function returns a boxed slice of exactly this size and keeps no reference to it.
    let bytes = unsafe {
        let status = proxy_get_header_map_pairs(map as u32, &mut data, &mut size);
        match status == 0 && !data.is_null() {
            true => Vec::from_raw_parts(data, size, size),
            false => Vec::new(),
        }
    };
    Pairs::new(bytes)
}

/// The first value of the response's header `name`.
pub fn response_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name)
        .ok()
        .flatten()
}

/// The value of Envoy's property at `path`.
pub fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// The SPIFFE identity in the caller's certificate. `None` without mTLS.
pub fn peer_identity() -> Option<Vec<u8>> {
    property(&["connection", "uri_san_peer_certificate"]).filter(|uri| !uri.is_empty())
}

/// The part of the request's body that has arrived, at most its first `limit` bytes.
pub fn request_body(limit: usize) -> Option<Vec<u8>> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, 0, limit)
        .ok()
        .flatten()
}

/// Reads the configuration that Envoy passes to `on_configure`, and parses it with `parse`. If the configuration has errors, logs
/// each of them and returns `None`.
pub fn configuration<T>(
    filter: &str,
    size: usize,
    parse: impl FnOnce(&[u8]) -> Result<T, ConfigErrors>,
) -> Option<T> {
    let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size);
    match parse(&text.ok().flatten().unwrap_or_default()) {
        Ok(config) => Some(config),
        Err(errors) => {
            for line in errors.lines() {
                log(
                    LogLevel::Error,
                    &[filter, ": pluginConfig: ", line].concat(),
                );
            }
            None
        }
    }
}

/// Logs the warnings about a valid configuration.
pub fn log_warnings(filter: &str, warnings: &[String]) {
    for line in warnings {
        log(LogLevel::Warn, &[filter, ": pluginConfig: ", line].concat());
    }
}

/// Returns 64 random bits from Envoy, as the seed of a random generator. (`RandomState` gets the same bits, but the hashing code of
/// `RandomState` adds 5 KB to a filter.)
pub fn seed() -> u64 {
    let mut bits = [0; 8];
    #[expect(
        unsafe_code,
        reason = "std uses this call for its own maps only, and a crate for one call would be one more dependency to trust"
    )]
    // SAFETY: WASI writes at most `bits.len()` bytes to `bits` and keeps no pointer to `bits`. If the call fails, `bits` stays
    // zero.
    unsafe {
        random_get(bits.as_mut_ptr(), bits.len());
    }
    u64::from_le_bytes(bits)
}

/// Writes a line to Envoy's log, under the component `wasm`.
pub fn log(level: LogLevel, line: &str) {
    let _ = hostcalls::log(level, line);
}

/// A counter or gauge. The first use of a metric's name defines the metric for all configurations of this VM, because Envoy keeps
/// the definition of a metric as long as the VM lives.
#[derive(Debug, Clone, Copy)]
pub struct Metric(u32);

thread_local! {
    static METRICS: RefCell<Vec<(String, Metric)>> = const { RefCell::new(Vec::new()) };
}

impl Metric {
    /// The counter `name`. A counter only goes up.
    pub fn counter(name: &str) -> Option<Self> {
        Self::defined(name, MetricType::Counter)
    }

    /// The gauge `name`. A gauge goes up and down, and all workers share its value.
    pub fn gauge(name: &str) -> Option<Self> {
        Self::defined(name, MetricType::Gauge)
    }

    fn defined(name: &str, kind: MetricType) -> Option<Self> {
        METRICS.with_borrow_mut(|metrics| {
            if let Some((_, metric)) = metrics.iter().find(|(known, _)| known == name) {
                return Some(*metric);
            }
            let metric = Self(hostcalls::define_metric(kind, name).ok()?);
            metrics.push((name.to_owned(), metric));
            Some(metric)
        })
    }

    /// Adds `by` to the value of the metric.
    pub fn add(self, by: i64) {
        let _ = hostcalls::increment_metric(self.0, by);
    }
}
