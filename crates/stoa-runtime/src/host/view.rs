//! The receiver of an interface's functions: the interface's own state and the instance's resources, and no other part of the
//! host.
use std::marker::PhantomData;

use wasmtime::component::{HasData, ResourceTable};

/// The receiver of an interface's functions; `S` is that interface's own state.
pub(crate) struct View<'a, S> {
    /// Shared by all instances of the component.
    pub(crate) state: &'a S,
    /// The open connections and stores of this instance.
    pub(crate) table: &'a mut ResourceTable,
}

/// [`View`] with any lifetime, as wasmtime requires it.
pub(crate) struct Viewed<S>(PhantomData<S>);

impl<S: 'static> HasData for Viewed<S> {
    type Data<'a> = View<'a, S>;
}
