//! The shape of a manifest, key by key: what may stand where, and of which type. Nothing is checked beyond that.
//!
//! - `raw/shape.rs`: the types; `raw/read.rs` and `raw/component.rs`: from a file to them.

mod component;
mod read;
mod shape;

pub(crate) use read::read;
pub(crate) use shape::{
    RawComponent, RawDependency, RawDependencySource, RawInherits, RawManifest, RawRoute,
    RawTrigger, RawVariable,
};
