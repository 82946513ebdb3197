//! What a guest may import, and how the host implements each interface.
//!
//! - `host/interfaces.rs`: **the list of Spin's interfaces**. To add one, write `host/NAME.rs` (its state, built from the
//!   component's manifest, and the generated traits for [`View`](view::View) of that state), declare it below, and add it to the
//!   list. build.rs generates the bindings from the list; the linker, the check at load time and the grants of dependencies use
//!   it too.
//! - `host/variables.rs`, `host/sqlite.rs`, `host/key_value.rs`, `host/postgres.rs`: one interface each; `host/view.rs`: their
//!   receiver.
//! - `host/http.rs`: a guest's own requests (`wasi:http`); `host/error_code.rs`: why a body ended early.
//! - `host/backends.rs`: state that the components of an app share; `host/grants.rs`: what one component may use;
//!   `host/state.rs`: one instance.
//! - `host/imports.rs`: which imports the host provides; `host/denied.rs`: those that a dependency may not use; `host/memory.rs`:
//!   the memory limit.
use wasmtime::component::Linker;
use wasmtime::{Engine, Result};

/// Generates the state of a component, the linker's calls and the table of imports from the list. build.rs reads the same list
/// with a macro of its own.
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

        /// The state of every interface for one component.
        pub(crate) struct Interfaces {
            $($module: crate::host::$module::$state,)+
        }

        impl Interfaces {
            /// `id` is the component's id, for the log.
            pub(crate) fn new(id: &Arc<str>, component: &Component, backends: &Backends) -> Self {
                Self {
                    $($module: crate::host::$module::$state::new(id, component, backends),)+
                }
            }
        }

        /// An instance's state, as the interfaces need it.
        pub(crate) trait HasInterfaces: Send + 'static {
            fn interfaces(&mut self) -> (&Interfaces, &mut ResourceTable);
        }

        /// Every import in the list, and what a dependency must inherit to use it.
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

/// Everything that a component may import.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<state::HostState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    error_code::add_to_linker(&mut linker)?;
    interfaces::add_to_linker(&mut linker)?;
    Ok(linker)
}
