//! The beginning and the end of a stream's context.

use crate::exchange::{Exchange, Flow};
use crate::host::Action;
use crate::machine::Machine;
use crate::misuse::{Misuse, Side};

impl Machine {
    /// Creates a stream, and returns its id. `None`: the root context does not exist.
    pub(crate) fn new_stream(&mut self, root: u32) -> Option<u32> {
        let host = self.host();
        let id = host.new_id();
        host.roots.get_mut(&root)?.streams += 1;
        let stream = Exchange {
            root,
            ..Exchange::default()
        };
        host.streams.insert(id, stream);
        host.open.push(id);
        Some(id)
    }

    /// Ends all streams that are complete or reset.
    pub(crate) fn end_streams(&mut self) {
        let mut at = 0;
        while let Some(id) = self.host().open.get(at).copied() {
            if self.stream(id).has_ended() {
                self.end_stream(id);
            } else {
                at += 1;
            }
        }
    }

    pub(crate) fn end_stream(&mut self, id: u32) {
        let host = self.host();
        let Some(at) = host.open.iter().position(|open| *open == id) else {
            return;
        };
        host.open.swap_remove(at);
        self.check_hanging(id);
        if self.stream(id).created {
            self.stream(id).logging = true;
            self.on_log(id);
            self.stream(id).logging = false;
            self.on_done(id);
            self.on_delete(id);
        }
        let stream = self.stream(id);
        stream.deleted = true;
        let root = stream.root;
        let host = self.host();
        host.actions.retain(|action| !matches!(action, Action::Continue(stream, _) | Action::Close(stream) | Action::Reply(stream, _) if *stream == id));
        if let Some(root) = host.roots.get_mut(&root) {
            root.streams -= 1;
        }
        self.end_root_if_unused(root);
    }

    fn check_hanging(&mut self, id: u32) {
        if !self.host().options.forbids_hanging || self.stream(id).has_ended() {
            return;
        }
        for side in [Side::Request, Side::Response] {
            if self.stream(id).half(side).flow != Flow::Flowing {
                self.host().misuse(Misuse::NeverResumed(side));
            }
        }
    }
}
