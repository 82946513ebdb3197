//! The interfaces that a guest may import, and their implementation by the host.
//!
//! - `host/interfaces.rs`: **the list of Spin's interfaces**. To add an interface, write the module `host/NAME.rs`, declare the
//!   module below, and add the interface to the list. The module defines the state of the interface, which is built from the
//!   component's manifest, and implements the generated traits for a [`View`](view::View) of that state. build.rs generates the
//!   bindings from the list. The linker, the check at load time and the grants of dependencies are also derived from the list.
//! - `host/variables.rs`, `host/sqlite.rs`, `host/key_value.rs` and `host/postgres.rs`: one interface each. `host/view.rs`: the
//!   type for which these modules implement their traits.
//! - `host/http.rs`: the HTTP requests that a guest sends (`wasi:http`); `host/error_code.rs`: the reason why a body ended early.
//! - `host/backends.rs`: the state that the components of an app share; `host/grants.rs`: the grants of one component;
//!   `host/state.rs`: the state of one instance.
//! - `host/imports.rs`: the imports that the host provides; `host/denied.rs`: the imports that a dependency may not use;
//!   `host/memory.rs`: the memory limit.
use wasmtime::component::Linker;
use wasmtime::{Engine, Result};

/// Generates three things from the list of interfaces: the state of a component, the function that adds the interfaces to a
/// linker, and the table of imports. build.rs reads the same list with another macro of this name.
macro_rules! interfaces {
    ($($module:ident: $state:ident {
        $($import:literal {
            bindings: $($binding:ident)::+,
            wit: $wit:literal,
            resources: [$($resource:literal = $resource_type:ident),*],
            waiting: [$($waiting:literal),* $(,)?],
            grant: $grant:ident,
        })+
    })+) => {
        use std::sync::Arc;

        use stoa_manifest::{Capability, Component};
        use wasmtime::component::{Linker, ResourceTable};

        use crate::host::backends::Backends;
        use crate::host::view::{View, Viewed};

        /// The state of all interfaces for one component.
        pub(crate) struct Interfaces {
            $($module: crate::host::$module::$state,)+
        }

        impl Interfaces {
            /// `id` is the component's id, which the interfaces write to the log.
            pub(crate) fn new(id: &Arc<str>, component: &Component, backends: &Backends) -> Self {
                Self {
                    $($module: crate::host::$module::$state::new(id, component, backends),)+
                }
            }
        }

        /// The part of an instance's state that the interfaces need.
        pub(crate) trait HasInterfaces: Send + 'static {
            /// The interfaces' state for the component, and the resources of the instance.
            fn interfaces(&mut self) -> (&Interfaces, &mut ResourceTable);
        }

        /// Each import in the list of interfaces, with the kind of configuration that a dependency must inherit to use the import.
        pub(crate) const PROVIDED: &[(&str, Capability)] = &[$($(($import, Capability::$grant),)+)+];

        pub(crate) fn add_to_linker<T: HasInterfaces>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
            $($(crate::bindings::$($binding)::+::add_to_linker::<_, Viewed<crate::host::$module::$state>>(
                linker,
                |instance: &mut T| {
                    let (interfaces, table) = instance.interfaces();
                    View { state: &interfaces.$module, table }
                },
            )?;)+)+
            Ok(())
        }
    };
}

pub(crate) mod backends;
pub(crate) mod denied;
mod error_code;
pub(crate) mod grants;
mod http;
pub(crate) mod imports;
mod interfaces;
pub(crate) mod key_value;
mod memory;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod state;
pub(crate) mod variables;
mod view;

/// Creates a linker with all interfaces that a component may import.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<state::HostState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    error_code::add_to_linker(&mut linker)?;
    interfaces::add_to_linker(&mut linker)?;
    Ok(linker)
}
