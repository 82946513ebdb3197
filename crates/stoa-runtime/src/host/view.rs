//! The type for which each interface implements its functions. Through this type, an interface can access only its own state and
//! the resources of the instance, but not the other parts of the host.
use std::marker::PhantomData;

use wasmtime::component::{HasData, ResourceTable};

/// The value that an interface's functions access. `S` is the type of the interface's state.
pub(crate) struct View<'a, S> {
    /// The interface's state, which all instances of the component share.
    pub(crate) state: &'a S,
    /// The resources of this instance: its open connections and stores.
    pub(crate) table: &'a mut ResourceTable,
}

/// Names the type [`View`] without a lifetime, as wasmtime requires.
pub(crate) struct Viewed<S>(PhantomData<S>);

impl<S: 'static> HasData for Viewed<S> {
    type Data<'a> = View<'a, S>;
}
