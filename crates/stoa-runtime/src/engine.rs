//! The wasmtime engine. This file states the reason for each setting that affects speed, memory or isolation.
use std::num::NonZeroUsize;

use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Result};

use crate::config::Limits;

/// The number of bytes of an instance's memory that stay mapped for the next instance. A request to a spin-sdk component touches
/// much less than 1 MiB. Each touched page beyond this size costs a page fault in each request.
const RESIDENT_MEMORY_BYTES: usize = 2 << 20;
/// The number of idle instance slots whose pages stay mapped. About this many guests run at the same moment. More slots would only
/// take more memory.
const WARM_SLOTS: u32 = 24;
/// The number of instances in the pool for each admitted request, including the instances for in-process calls.
const INSTANCES_PER_REQUEST: u32 = 6;
/// The maximum number of core instances in one component. A spin-sdk component has one module and a few shims. A composed
/// dependency doubles the number of core instances.
const CORE_INSTANCES_PER_COMPONENT: u32 = 24;
/// The size of the stack of one instance, in bytes. Host functions, including SQLite, also run on this stack: they get the part
/// beyond [`WASM_STACK_BYTES`].
const STACK_BYTES: usize = 2 << 20;
/// The part of the stack for WebAssembly code, in bytes. It is wasmtime's default, which Spin uses too. So a recursion that works
/// here also works in SpinKube.
const WASM_STACK_BYTES: usize = 512 << 10;

pub(crate) fn config(limits: &Limits) -> Config {
    let instances = limits
        .max_instances
        .saturating_mul(INSTANCES_PER_REQUEST)
        .clamp(8, 4096);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_memories_per_component(8)
        .max_tables_per_component(16)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_core_instance_size(1 << 20)
        .max_component_instance_size(4 << 20)
        .max_memory_size(limits.memory_per_instance)
        .table_elements(20_000)
        .max_unused_warm_slots(WARM_SLOTS)
        .linear_memory_keep_resident(RESIDENT_MEMORY_BYTES)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .decommit_batch_size(8);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // With this setting, wasmtime resets only the pages that a guest touched. No other setting gains as much speed.
        pool.pagemap_scan(Enabled::Yes);
    }

    let mut config = Config::new();
    config
        .allocation_strategy(pool)
        // wasmtime's concurrency support costs several microseconds per request, and WASI 0.2 does not need it. So this setting
        // turns it off.
        .concurrency_support(false)
        // With epochs, a computing guest yields to other guests, and an endless loop can be cut off.
        .epoch_interruption(true)
        .async_stack_size(STACK_BYTES)
        .max_wasm_stack(WASM_STACK_BYTES)
        // With backtraces, an error report can name the function that trapped. A backtrace costs time only when a guest traps.
        .wasm_backtrace_max_frames(NonZeroUsize::new(16));
    config
}

pub(crate) fn engine(limits: &Limits) -> Result<Engine> {
    Engine::new(&config(limits))
}
