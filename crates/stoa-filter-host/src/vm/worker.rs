//! The VMs of a worker thread, which several plugins can share.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::machine::Machine;

/// The key of a VM. Filters of a worker share a VM if their keys are equal.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct VmKey {
    pub(super) shared: usize,
    pub(super) code: u64,
    pub(super) vm_id: String,
    pub(super) vm_configuration: Vec<u8>,
}

thread_local! {
    /// The VMs of this thread. Each thread takes the place of a worker of Envoy.
    static VMS: RefCell<Vec<(VmKey, Weak<RefCell<Machine>>)>> = const { RefCell::new(Vec::new()) };
}

/// The running VM with this key, unless it has crashed.
pub(super) fn running(key: &VmKey) -> Option<Rc<RefCell<Machine>>> {
    VMS.with_borrow_mut(|vms| {
        vms.retain(|(_, machine)| machine.strong_count() > 0);
        let mut same = vms.iter().filter(|(other, _)| other == key);
        same.find_map(|(_, machine)| {
            let machine = machine.upgrade()?;
            let crashed = machine.borrow().trap.is_some();
            (!crashed).then_some(machine)
        })
    })
}

/// Adds a VM to the list, so that further filters with the same key share it.
pub(super) fn register(key: VmKey, machine: &Rc<RefCell<Machine>>) {
    VMS.with_borrow_mut(|vms| vms.push((key, Rc::downgrade(machine))));
}
