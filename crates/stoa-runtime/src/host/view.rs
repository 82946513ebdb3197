//! What one of Spin's interfaces sees when a guest calls it: its own state and the instance's resources, nothing else of the host.
use std::marker::PhantomData;

use wasmtime::component::{HasData, ResourceTable};

/// The receiver of an interface's functions; `S` is that interface's own state.
pub(crate) struct View<'a, S> {
    /// Shared by all instances of the component.
    pub(crate) state: &'a S,
    /// The open connections and stores of this instance.
    pub(crate) table: &'a mut ResourceTable,
}

/// [`View`] of any lifetime, as wasmtime names it.
pub(crate) struct Viewed<S>(PhantomData<S>);

impl<S: 'static> HasData for Viewed<S> {
    type Data<'a> = View<'a, S>;
}
