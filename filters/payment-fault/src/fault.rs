//! The faults that can be injected.
//!
//! Each kind of fault has a file in `fault/` and an entry in [`KINDS`]. A kind reads its settings from a configuration, from the
//! header `x-stoa-fault` and from `stoa fault set`, and returns one of the [`Effect`]s. The code outside the folder `fault/` does
//! not depend on a particular kind.

mod abort;
mod decline;
mod kind;
mod lost_response;
mod throttle;

pub use abort::abort;
pub use decline::decline;
#[cfg(not(target_family = "wasm"))]
pub use kind::SettingSyntax;
pub(crate) use kind::whole_number;
pub use kind::{Effect, Fault, Kind};
pub use lost_response::lost_response;
pub use throttle::throttle;

use stoa_filter::document::Node;

/// All kinds of faults, in the order in which messages list them.
pub static KINDS: [Kind; 4] = [
    decline::KIND,
    abort::KIND,
    lost_response::KIND,
    throttle::KIND,
];

impl Default for Fault {
    /// A decline with the code `card_declined`, which gives no reason. Card processors decline most often with this code.
    fn default() -> Self {
        decline(decline::DEFAULT_CODE)
    }
}

impl Fault {
    /// Reads an object with exactly one fault, such as `{"decline": {...}}`.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        let (name, node) = node
            .object()?
            .one_of(&KINDS.each_ref().map(|kind| kind.name))?;
        let kind = find(name)?;
        (kind.read)(&node.object()?)
    }
}

/// The kind of fault with this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
