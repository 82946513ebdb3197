//! The imports that the host provides, and the kind of configuration that an import needs.
use stoa_manifest::Capability;

use super::interfaces::PROVIDED;

/// The kind of configuration that a dependency must inherit, from the component that uses it, before it may use `import`. None if
/// `import` needs no grant.
pub(crate) fn capability(import: &str) -> Option<Capability> {
    let interface = without_version(import);
    Some(match interface {
        "wasi:cli/environment" => Capability::Environment,
        "wasi:filesystem/preopens" => Capability::Files,
        "wasi:http/outgoing-handler"
        | "wasi:sockets/ip-name-lookup"
        | "wasi:sockets/tcp-create-socket"
        | "wasi:sockets/udp-create-socket" => Capability::AllowedOutboundHosts,
        _ => {
            let mut provided = PROVIDED.iter();
            let found = provided.find(|(known, _)| without_version(known) == interface);
            return found.map(|(_, capability)| *capability);
        }
    })
}

fn without_version(import: &str) -> &str {
    import.split_once('@').map_or(import, |(name, _)| name)
}

/// Whether the linker provides `import`. The version in an import of WASI may be any WASI 0.2 release.
pub(crate) fn is_provided(import: &str) -> bool {
    const WASI: [&str; 7] = [
        "wasi:cli/",
        "wasi:io/",
        "wasi:clocks/",
        "wasi:random/",
        "wasi:filesystem/",
        "wasi:sockets/",
        "wasi:http/",
    ];
    let is_wasi_0_2 = |version: &str| {
        version
            .strip_prefix("0.2.")
            .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
    };
    PROVIDED.iter().any(|(known, _)| *known == import)
        || WASI.iter().any(|package| import.starts_with(package))
            && import
                .split_once('@')
                .is_some_and(|(_, version)| is_wasi_0_2(version))
}

#[cfg(test)]
mod tests {
    use super::{PROVIDED, capability, is_provided};

    #[test]
    fn every_spin_interface_is_provided_and_needs_a_grant() {
        for (interface, grant) in PROVIDED {
            assert!(is_provided(interface), "{interface}");
            assert_eq!(capability(interface), Some(*grant), "{interface}");
        }
    }

    #[test]
    fn an_interface_that_reaches_beyond_the_instance_needs_a_grant_in_every_release() {
        for interface in [
            "wasi:cli/environment",
            "wasi:filesystem/preopens",
            "wasi:http/outgoing-handler",
            "wasi:sockets/ip-name-lookup",
            "wasi:sockets/tcp-create-socket",
            "wasi:sockets/udp-create-socket",
        ] {
            for patch in ["0", "6", "12"] {
                let import = format!("{interface}@0.2.{patch}");
                assert!(
                    is_provided(&import) && capability(&import).is_some(),
                    "{import}"
                );
            }
        }
    }
}
