//! The data and queues that all filters of one Envoy share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::status::Status;

/// Shared data and queues. By default, every VM has its own data and queues. VMs that start with the same `Shared` share them, as
/// the filters of one Envoy do: see [`Options::shared`](crate::Options::shared).
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    data: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    stamp: u32,
    queues: Vec<Queue>,
    vms: u64,
}

#[derive(Debug)]
struct Queue {
    vm_id: Vec<u8>,
    name: Vec<u8>,
    items: VecDeque<Vec<u8>>,
    /// The VM and the context that receive the notifications about new items. Each registration of the queue sets this pair again.
    owner: (u64, u32),
    /// The number of items about which the owner has not been notified yet.
    pending_notifications: u32,
}

impl Shared {
    /// Creates shared data that contain no keys and no queues.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a key. `None`: the key does not exist.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.read(key.as_bytes()).map(|(value, _)| value)
    }

    /// Sets the value of a key. The key may exist already.
    pub fn set(&self, key: &str, value: impl Into<Vec<u8>>) {
        let _written = self.write(key.as_bytes(), &value.into(), 0);
    }

    /// An id of the shared data. All clones of this value have the same id.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(crate) fn add_vm(&self) -> u64 {
        let mut state = self.lock();
        state.vms += 1;
        state.vms
    }

    pub(crate) fn read(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.lock().data.get(key).cloned()
    }

    pub(crate) fn write(&self, key: &[u8], value: &[u8], stamp: u32) -> Status {
        let mut state = self.lock();
        if let Some((_, current)) = state.data.get(key)
            && stamp != 0
            && stamp != *current
        {
            return Status::CasMismatch;
        }
        // A new stamp is never 0, because a write with the stamp 0 replaces the value, whatever stamp the value has.
        state.stamp = state.stamp.checked_add(1).unwrap_or(1);
        let stamp = state.stamp;
        state.data.insert(key.to_vec(), (value.to_vec(), stamp));
        Status::Ok
    }

    pub(crate) fn register(&self, vm_id: &[u8], name: &[u8], vm: u64, context: u32) -> u32 {
        let mut state = self.lock();
        let at = state.find(vm_id, name).unwrap_or_else(|| {
            state.queues.push(Queue {
                vm_id: vm_id.to_vec(),
                name: name.to_vec(),
                items: VecDeque::new(),
                owner: (vm, context),
                pending_notifications: 0,
            });
            state.queues.len() - 1
        });
        if let Some(queue) = state.queues.get_mut(at) {
            queue.owner = (vm, context);
        }
        token(at)
    }

    pub(crate) fn resolve(&self, vm_id: &[u8], name: &[u8]) -> Option<u32> {
        self.lock().find(vm_id, name).map(token)
    }

    pub(crate) fn push(&self, token: u32, item: &[u8]) -> Status {
        let mut state = self.lock();
        let Some(queue) = state.queue(token) else {
            return Status::NotFound;
        };
        queue.items.push_back(item.to_vec());
        queue.pending_notifications += 1;
        Status::Ok
    }

    pub(crate) fn pop(&self, token: u32) -> Result<Vec<u8>, Status> {
        let mut state = self.lock();
        let queue = state.queue(token).ok_or(Status::NotFound)?;
        queue.items.pop_front().ok_or(Status::Empty)
    }

    /// Takes the next notification for a VM. Returns the context in which to call `on_queue_ready`, and the token of the queue.
    pub(crate) fn next_notification(&self, vm: u64) -> Option<(u32, u32)> {
        let mut state = self.lock();
        let mut queues = state.queues.iter_mut().enumerate();
        let (at, queue) =
            queues.find(|(_, queue)| queue.owner.0 == vm && queue.pending_notifications > 0)?;
        queue.pending_notifications -= 1;
        Some((queue.owner.1, token(at)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, vm_id: &[u8], name: &[u8]) -> Option<usize> {
        let mut queues = self.queues.iter();
        queues.position(|queue| queue.vm_id == vm_id && queue.name == name)
    }

    fn queue(&mut self, token: u32) -> Option<&mut Queue> {
        let at = usize::try_from(token).ok()?.checked_sub(1)?;
        self.queues.get_mut(at)
    }
}

/// The token of a queue: its index + 1, because 0 is not a valid token.
fn token(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}
