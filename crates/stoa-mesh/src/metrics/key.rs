//! The key by which a request is counted. A key contains all values that determine the request's labels. A key is small, because a
//! key is built for every line of an access log.

use std::collections::HashMap;

use super::peers::{PeerId, UNKNOWN};

/// The texts that keys refer to, each with an index. A key contains the index in place of the text. So a key is small, and a text
/// that occurred in an earlier line is not copied again.
#[derive(Default)]
pub(super) struct InternedTexts {
    ids: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

/// The values from which a request's labels are made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The workload whose Envoy wrote the log line.
    pub(super) own: PeerId,
    pub(super) reporter: Reporter,
    /// The other workload of the request: the caller if `own` is the callee, else the callee.
    pub(super) other: PeerId,
    /// The Envoy cluster to which the request was sent. The value is the index of the cluster's name in [`InternedTexts`].
    pub(super) cluster: u32,
    pub(super) code: u16,
    pub(super) flags: u32,
    /// The principal in the certificate of the workload `other`. The value is the principal's index in [`InternedTexts`]. `None` if
    /// the log line contains no principal.
    pub(super) principal: Option<u32>,
    pub(super) security: Security,
    pub(super) grpc: Option<u32>,
}

/// States which Envoy wrote the log line. `Source` is the caller's Envoy, and `Destination` is the callee's Envoy.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reporter {
    Source,
    Destination,
}

/// States how a request's connection was secured. `Unknown` means that the log line does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Security {
    MutualTls,
    None,
    Unknown,
}

impl InternedTexts {
    /// The index of a text. A new text gets the next index.
    pub(super) fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.ids.insert(text.into(), id);
        self.texts.push(text.into());
        id
    }

    /// The text with this index.
    pub(super) fn text(&self, id: u32) -> &str {
        let text = usize::try_from(id).ok().and_then(|id| self.texts.get(id));
        text.map_or(UNKNOWN, |text| text)
    }
}
