//! The calls that filters make to Envoy. A failed call returns nothing: a filter must handle that in any case.
//!
//! The SDK's variants for text panic at bytes that are not UTF-8, and some of its calls panic at an unknown status.
//! A panic ends the VM, and with it every request of the worker, so this module does not use them.

use std::cell::RefCell;
use std::ptr;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType};

use crate::document::Faults;
use crate::pairs::Pairs;

#[expect(
    unsafe_code,
    reason = "a call of the ABI that the SDK has no cheap form of"
)]
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

#[expect(unsafe_code, reason = "a call of WASI that std has no form of")]
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(data: *mut u8, size: usize) -> u32;
}

/// All headers of the request at once.
pub fn request_headers() -> Pairs {
    headers(MapType::HttpRequestHeaders)
}

/// All headers of the response at once. Envoy's call for one value returns only the first one of a repeated header.
pub fn response_headers() -> Pairs {
    headers(MapType::HttpResponseHeaders)
}

/// Reads a whole map. Envoy allocates memory in the VM for each value that it passes, so one value costs
/// nearly as much as the whole map. The SDK's own call copies every name and value once more.
fn headers(map: MapType) -> Pairs {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    #[expect(
        unsafe_code,
        reason = "a call of the ABI that the SDK has no cheap form of"
    )]
    // SAFETY: both pointers are to locals. On success Envoy leaves `size` bytes that it allocated with the SDK's
    // `proxy_on_memory_allocate`. That returns boxed slices of exactly this size, and no reference to them is kept.
    let bytes = unsafe {
        let status = proxy_get_header_map_pairs(map as u32, &mut data, &mut size);
        match status == 0 && !data.is_null() {
            true => Vec::from_raw_parts(data, size, size),
            false => Vec::new(),
        }
    };
    Pairs::new(bytes)
}

/// The first value of a header of the response.
pub fn response_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name)
        .ok()
        .flatten()
}

/// The property at this path.
pub fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// The SPIFFE identity of the caller, from its certificate; none without mTLS.
pub fn peer_identity() -> Option<Vec<u8>> {
    property(&["connection", "uri_san_peer_certificate"]).filter(|uri| !uri.is_empty())
}

/// At most `limit` bytes of the part of the request's body that has arrived.
pub fn request_body(limit: usize) -> Option<Vec<u8>> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, 0, limit)
        .ok()
        .flatten()
}

/// The configuration that Envoy passes to `on_configure`, parsed by `parse`. `None`: it has faults, and each one is logged.
pub fn configuration<T>(
    filter: &str,
    size: usize,
    parse: impl FnOnce(&[u8]) -> Result<T, Faults>,
) -> Option<T> {
    let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size);
    match parse(&text.ok().flatten().unwrap_or_default()) {
        Ok(config) => Some(config),
        Err(faults) => {
            for line in faults.lines() {
                log(
                    LogLevel::Error,
                    &[filter, ": pluginConfig: ", line].concat(),
                );
            }
            None
        }
    }
}

/// Random bits for a seed, from Envoy's own source. (`RandomState` hashes the same bits once more, which costs 5 KB of code.)
pub fn seed() -> u64 {
    let mut bits = [0; 8];
    #[expect(
        unsafe_code,
        reason = "std gives random bits to its own maps only, and a crate for this one call is more to trust"
    )]
    // SAFETY: WASI writes at most `bits.len()` bytes to `bits` and keeps no pointer to it. If it fails, `bits` stays zero.
    unsafe {
        random_get(bits.as_mut_ptr(), bits.len());
    }
    u64::from_le_bytes(bits)
}

/// Writes a line to Envoy's log, under the component `wasm`.
pub fn log(level: LogLevel, line: &str) {
    let _ = hostcalls::log(level, line);
}

/// A counter or gauge. It is defined at its first use, once for all configurations of this VM: Envoy keeps a definition
/// for as long as the VM lives.
#[derive(Debug, Clone, Copy)]
pub struct Metric(u32);

thread_local! {
    static METRICS: RefCell<Vec<(String, Metric)>> = const { RefCell::new(Vec::new()) };
}

impl Metric {
    /// A counter, which only goes up.
    pub fn counter(name: &str) -> Option<Self> {
        Self::defined(name, MetricType::Counter)
    }

    /// A gauge, which goes up and down. All workers share it.
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

    /// Adds `by`.
    pub fn add(self, by: i64) {
        let _ = hostcalls::increment_metric(self.0, by);
    }
}
