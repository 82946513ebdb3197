//! Reads a manifest into structs, key by key. Only the keys and the types of the values are checked.
//!
//! - `raw/shape.rs` defines the structs.
//! - `raw/read.rs` and `raw/component.rs` read a manifest into these structs.

mod component;
mod read;
mod shape;

pub(crate) use read::read;
pub(crate) use shape::{
    RawBuild, RawComponent, RawDependency, RawDependencySource, RawInherits, RawManifest, RawRoute,
    RawTrigger, RawVariable,
};
