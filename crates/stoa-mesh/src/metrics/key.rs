//! The key of a series of requests, small enough to build for every line.

use std::collections::HashMap;

use super::peers::{PeerId, UNKNOWN};

/// Interned texts: a key stays small, and a request like an earlier one copies nothing.
#[derive(Default)]
pub(super) struct Texts {
    ids: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

/// The values from which a request's labels are made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) reporter: PeerId,
    pub(super) side: Side,
    pub(super) peer: PeerId,
    pub(super) cluster: u32,
    pub(super) code: u16,
    pub(super) flags: u32,
    /// The principal that the peer presented; `None` if the log does not have it.
    pub(super) principal: Option<u32>,
    pub(super) security: Security,
    pub(super) grpc: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Source,
    Destination,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Security {
    MutualTls,
    None,
    Unknown,
}

impl Texts {
    pub(super) fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.ids.insert(text.into(), id);
        self.texts.push(text.into());
        id
    }

    pub(super) fn text(&self, id: u32) -> &str {
        let text = usize::try_from(id).ok().and_then(|id| self.texts.get(id));
        text.map_or(UNKNOWN, |text| text)
    }
}
