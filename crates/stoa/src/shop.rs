//! The commands that know the shop: `stoa load` and `stoa audit`. All other commands run any Spin application.

pub(crate) mod audit;
pub(crate) mod load;
