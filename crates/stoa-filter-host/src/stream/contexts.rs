//! The life of a stream's context.

use crate::exchange::{Exchange, Flow};
use crate::host::Action;
use crate::machine::Machine;
use crate::misuse::{Misuse, Side};

impl Machine {
    /// Creates a stream. `None`: the root context no longer exists.
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

    /// Ends the streams that are complete or reset.
    pub(crate) fn end_streams(&mut self) {
        let mut at = 0;
        while let Some(id) = self.host().open.get(at).copied() {
            if self.stream(id).over() {
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
        host.actions.retain(|action| !matches!(action, Action::Continue(of, _) | Action::Close(of) | Action::Reply(of, _) if *of == id));
        if let Some(root) = host.roots.get_mut(&root) {
            root.streams -= 1;
        }
        self.end_root_if_unused(root);
    }

    fn check_hanging(&mut self, id: u32) {
        if !self.host().options.hanging || self.stream(id).over() {
            return;
        }
        for side in [Side::Request, Side::Response] {
            if self.stream(id).half(side).flow != Flow::On {
                self.host().misuse(Misuse::NeverResumed(side));
            }
        }
    }
}
