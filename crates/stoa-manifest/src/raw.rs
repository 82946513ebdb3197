//! The shape of a manifest, key by key: the keys and the types of their values. Nothing else is checked here.
//!
//! - `raw/shape.rs`: the types; `raw/read.rs` and `raw/component.rs`: read a file into them.

mod component;
mod read;
mod shape;

pub(crate) use read::read;
pub(crate) use shape::{
    RawComponent, RawDependency, RawDependencySource, RawInherits, RawManifest, RawRoute,
    RawTrigger, RawVariable,
};
