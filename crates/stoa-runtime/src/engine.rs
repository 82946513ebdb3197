//! The wasmtime engine: every setting that affects speed, memory and isolation, each with its reason.
use std::num::NonZeroUsize;

use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Result};

use crate::config::Limits;

/// Bytes of an instance's pages that stay mapped for the next instance. A request of a spin-sdk component touches well
/// under 1 MiB. Touched pages beyond this size cost page faults in each request.
const KEEP_RESIDENT: usize = 2 << 20;
/// Idle slots that keep pages. The number of guests that run at one moment matters; more slots only add resident
/// memory.
const WARM_SLOTS: u32 = 24;
/// Instances reserved for in-process calls, for each admitted request.
const INSTANCES_A_REQUEST: u32 = 6;
/// A spin-sdk component is one module and a few shims; with one dependency composed in, it is twice that.
const CORE_INSTANCES: u32 = 24;
/// Host functions, SQLite included, run on the guest's stack too: they get the part beyond [`WASM_STACK`].
const STACK: usize = 2 << 20;
/// Spin's limit, which is wasmtime's default: a recursion that fits here fits in SpinKube.
const WASM_STACK: usize = 512 << 10;

pub(crate) fn config(limits: &Limits) -> Config {
    let instances = limits
        .max_instances
        .saturating_mul(INSTANCES_A_REQUEST)
        .clamp(8, 4096);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_memories_per_component(8)
        .max_tables_per_component(16)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_core_instance_size(1 << 20)
        .max_component_instance_size(4 << 20)
        .max_memory_size(limits.memory_per_instance)
        .table_elements(20_000)
        .max_unused_warm_slots(WARM_SLOTS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .decommit_batch_size(8);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // Resets only the pages that a guest touched. This is the largest single gain in speed.
        pool.pagemap_scan(Enabled::Yes);
    }

    let mut config = Config::new();
    config
        .allocation_strategy(pool)
        // WASI 0.2 does not use it, and it costs several microseconds per request.
        .concurrency_support(false)
        // A guest that computes yields to others, and one that loops is cut off.
        .epoch_interruption(true)
        .async_stack_size(STACK)
        .max_wasm_stack(WASM_STACK)
        // Some reports name the function that trapped; only a trap pays for it.
        .wasm_backtrace_max_frames(NonZeroUsize::new(16));
    config
}

pub(crate) fn engine(limits: &Limits) -> Result<Engine> {
    Engine::new(&config(limits))
}
