//! Checks whether a file is a filter that Envoy would load.

use wasmparser::{BinaryReaderError, ExternalKind, Parser, Payload, Validator};

/// The versions of the proxy-wasm ABI that Envoy 1.40 supports, oldest first.
const SUPPORTED_ABIS: [&str; 3] = ["0_1_0", "0_2_0", "0_2_1"];
const ABI_EXPORT: &str = "proxy_abi_version_";

/// Maximum size of a module in bytes. Istio's agent reads at most this number of bytes, so it would truncate a larger module.
const MAX_BYTES: usize = 256 << 20;

/// The bytes of a proxy-wasm filter: a valid WebAssembly module that declares its ABI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    bytes: Vec<u8>,
    abi: &'static str,
}

/// The reason why a file is not a filter. The text of each variant continues a sentence that begins with the name of the file.
#[derive(Debug, thiserror::Error)]
pub enum NotAFilter {
    /// The file is not WebAssembly.
    #[error("is not WebAssembly: it does not begin with the bytes \\0asm")]
    NotWasm,
    /// The file is a WebAssembly component, not a module. A component runtime such as Spin would load it.
    #[error(
        "is a WebAssembly component, but Envoy loads only core modules: build it for wasm32-wasip1"
    )]
    Component,
    /// The module is damaged.
    #[error("is not a valid WebAssembly module")]
    Invalid(#[from] BinaryReaderError),
    /// The file is a WebAssembly module, but not a filter.
    #[error(
        "is a WebAssembly module but not a proxy-wasm filter: it exports no function such as {ABI_EXPORT}0_2_1, \
         which declares the ABI"
    )]
    NoAbi,
    /// The filter was built with an SDK that Envoy does not support.
    #[error("uses proxy-wasm ABI {0}, but Envoy supports only 0.1.0, 0.2.0 and 0.2.1")]
    UnknownAbi(String),
    /// The module is too large: Istio would truncate it.
    #[error("has {0} bytes, but Istio reads at most {MAX_BYTES}")]
    TooLarge(usize),
}

impl Module {
    /// Checks that `bytes` are a filter that Envoy would load.
    ///
    /// # Errors
    /// [`NotAFilter`]. Its text continues a sentence that begins with the name of the file.
    pub fn new(bytes: Vec<u8>) -> Result<Self, NotAFilter> {
        if !bytes.starts_with(b"\0asm") {
            return Err(NotAFilter::NotWasm);
        }
        if Parser::is_component(&bytes) {
            return Err(NotAFilter::Component);
        }
        if bytes.len() > MAX_BYTES {
            return Err(NotAFilter::TooLarge(bytes.len()));
        }
        Validator::new().validate_all(&bytes)?;
        let abi = abi(&bytes)?;
        Ok(Self { bytes, abi })
    }

    /// The bytes of the module, unchanged.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The filter's version of the proxy-wasm ABI, such as `0.2.1`.
    pub fn abi(&self) -> String {
        self.abi.replace('_', ".")
    }
}

/// The ABI that Envoy would choose. If a module declares several versions, Envoy chooses the newest version that it supports.
fn abi(bytes: &[u8]) -> Result<&'static str, NotAFilter> {
    let mut declared = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::ExportSection(exports) = payload? else {
            continue;
        };
        for export in exports {
            let export = export?;
            if let (ExternalKind::Func, Some(version)) =
                (export.kind, export.name.strip_prefix(ABI_EXPORT))
            {
                declared.push(version.to_owned());
            }
        }
    }
    let known = SUPPORTED_ABIS
        .into_iter()
        .rev()
        .find(|abi| declared.iter().any(|version| version == abi));
    match (known, declared.pop()) {
        (Some(abi), _) => Ok(abi),
        (None, Some(other)) => Err(NotAFilter::UnknownAbi(other.replace('_', "."))),
        (None, None) => Err(NotAFilter::NoAbi),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Module, NotAFilter};

    /// A module with one empty function, exported under these names.
    pub(crate) fn exporting(names: &[&str]) -> Vec<u8> {
        let section = |id: u8, content: &[u8]| {
            let mut section = vec![id, u8::try_from(content.len()).unwrap()];
            section.extend(content);
            section
        };
        let mut exports = vec![u8::try_from(names.len()).unwrap()];
        for name in names {
            exports.push(u8::try_from(name.len()).unwrap());
            exports.extend(name.as_bytes());
            exports.extend([0, 0]); // an export of kind 0 (function) with index 0
        }
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]), // types: one function type without parameters and results
            section(3, &[1, 0]),          // functions: one function of this type
            section(7, &exports),
            section(10, &[1, 2, 0, 0x0b]), // code: an empty function body
        ]
        .concat()
    }

    pub(crate) fn filter() -> Module {
        Module::new(exporting(&["proxy_abi_version_0_2_1"])).unwrap()
    }

    #[test]
    fn a_filter_of_each_abi_that_envoy_supports_is_accepted() {
        for (export, abi) in [
            ("proxy_abi_version_0_1_0", "0.1.0"),
            ("proxy_abi_version_0_2_0", "0.2.0"),
            ("proxy_abi_version_0_2_1", "0.2.1"),
        ] {
            assert_eq!(Module::new(exporting(&[export])).unwrap().abi(), abi);
        }
        let several = exporting(&["_start", "proxy_abi_version_0_2_0", "proxy_abi_version_9"]);
        assert_eq!(Module::new(several).unwrap().abi(), "0.2.0");
    }

    #[track_caller]
    fn refused(bytes: Vec<u8>, words: &str) -> NotAFilter {
        let error = Module::new(bytes).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        error
    }

    #[test]
    fn the_error_describes_a_file_that_envoy_would_not_load() {
        refused(Vec::new(), "is not WebAssembly");
        refused(b"<html>not found</html>".to_vec(), "is not WebAssembly");
        refused(b"\0asm\x0d\0\x01\0".to_vec(), "wasm32-wasip1");
        refused(exporting(&["_start"]), "not a proxy-wasm filter");
        refused(exporting(&["proxy_abi_version_0_3_0"]), "ABI 0.3.0");
    }

    #[test]
    fn a_truncated_or_damaged_module_is_rejected() {
        let whole = exporting(&["proxy_abi_version_0_2_1"]);
        for length in 0..whole.len() {
            assert!(
                Module::new(whole[..length].to_vec()).is_err(),
                "{length} bytes"
            );
        }
        let mut damaged = whole;
        *damaged.last_mut().unwrap() = 0x0c;
        assert!(matches!(Module::new(damaged), Err(NotAFilter::Invalid(_))));
    }
}
