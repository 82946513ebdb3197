//! Host calls for shared data, queues and metrics.

use wasmtime::{Caller, Linker};

use super::host_call::{Outcome, handle_call};
use crate::host::Host;
use crate::misuse::Misuse;
use crate::status::Status;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_shared_data", get_data)?;
    linker.func_wrap("env", "proxy_set_shared_data", set_data)?;
    linker.func_wrap("env", "proxy_register_shared_queue", register)?;
    linker.func_wrap("env", "proxy_resolve_shared_queue", resolve)?;
    linker.func_wrap("env", "proxy_enqueue_shared_queue", enqueue)?;
    linker.func_wrap("env", "proxy_dequeue_shared_queue", dequeue)?;
    linker.func_wrap("env", "proxy_define_metric", define)?;
    linker.func_wrap("env", "proxy_increment_metric", increment)?;
    linker.func_wrap("env", "proxy_record_metric", record)?;
    linker.func_wrap("env", "proxy_get_metric", get_metric)?;
    Ok(())
}

fn get_data(
    caller: Caller<'_, Host>,
    key: u32,
    len: u32,
    at: u32,
    size: u32,
    stamp: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        let (key, host) = guest.bytes(key, len)?;
        let found = host.options.shared.read(key);
        let (value, number) = found.ok_or(Status::NotFound)?;
        guest.return_bytes(&value, at, size)?;
        guest.write_u32(stamp, number)
    })
}

fn set_data(
    caller: Caller<'_, Host>,
    key: u32,
    len: u32,
    at: u32,
    size: u32,
    stamp: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        let key = guest.copy(key, len)?;
        let (value, host) = guest.bytes(at, size)?;
        match host.options.shared.write(&key, value, stamp) {
            Status::Ok => Ok(()),
            status => Err(status.into()),
        }
    })
}

fn register(caller: Caller<'_, Host>, name: u32, len: u32, token_at: u32) -> Outcome {
    handle_call(caller, |guest| {
        let (name, host) = guest.bytes(name, len)?;
        let (vm, root, options) = (host.vm, host.root(), &host.options);
        let vm_id = options.vm_id.as_bytes();
        let token = options.shared.register(vm_id, name, vm, root);
        guest.write_u32(token_at, token)
    })
}

fn resolve(
    caller: Caller<'_, Host>,
    vm_id: u32,
    vm_id_size: u32,
    name: u32,
    len: u32,
    token_at: u32,
) -> Outcome {
    handle_call(caller, |guest| {
        let mut vm_id = guest.copy(vm_id, vm_id_size)?;
        let (name, host) = guest.bytes(name, len)?;
        if vm_id.is_empty() {
            vm_id = host.options.vm_id.clone().into_bytes();
        }
        let token = host.options.shared.resolve(&vm_id, name);
        let token = token.ok_or(Status::NotFound)?;
        guest.write_u32(token_at, token)
    })
}

fn enqueue(caller: Caller<'_, Host>, token: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let (item, host) = guest.bytes(at, size)?;
        match host.options.shared.push(token, item) {
            Status::Ok => Ok(()),
            status => Err(status.into()),
        }
    })
}

fn dequeue(caller: Caller<'_, Host>, token: u32, at: u32, size: u32) -> Outcome {
    handle_call(caller, |guest| {
        let item = guest.host().options.shared.pop(token)?;
        guest.return_bytes(&item, at, size)
    })
}

fn define(caller: Caller<'_, Host>, kind: u32, name: u32, len: u32, id_at: u32) -> Outcome {
    handle_call(caller, |guest| {
        let (name, host) = guest.bytes(name, len)?;
        let id = host.metrics.define(kind, &String::from_utf8_lossy(name))?;
        guest.write_u32(id_at, id)
    })
}

fn increment(caller: Caller<'_, Host>, id: u32, offset: i64) -> Outcome {
    handle_call(caller, |guest| {
        if let Some(gauge) = guest.host().metrics.increment(id, offset)? {
            guest.host().misuse(Misuse::NegativeGauge(gauge));
        }
        Ok(())
    })
}

fn record(caller: Caller<'_, Host>, id: u32, value: u64) -> Outcome {
    handle_call(caller, |guest| {
        Ok(guest.host().metrics.record(id, value)?)
    })
}

fn get_metric(caller: Caller<'_, Host>, id: u32, at: u32) -> Outcome {
    handle_call(caller, |guest| {
        let value = guest.host().metrics.get(id)?;
        guest.write_u64(at, value)
    })
}
