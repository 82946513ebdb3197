//! The commands that are specific to the shop: `stoa load` and `stoa audit`. All other commands work with any Spin
//! application.

pub(crate) mod audit;
pub(crate) mod load;
