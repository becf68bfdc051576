//! How wasmtime is set up: what compiled code depends on, and what only running depends on.

use model::limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Wasm stack of one attempt. Past it: `stack_overflow`.
const WASM_STACK_BYTES: usize = 512 * 1024;
/// Native stack of one attempt: what the wasm stack leaves is for host calls at its deepest point.
const FIBER_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Tables of one component.
pub(crate) const MAX_TABLES: u32 = 16;
/// Wasmtime's own bookkeeping for one core or component instance; interpreters need a quarter of it.
const INSTANCE_BYTES: usize = 1024 * 1024;
/// How much of a slot's memory stays mapped between attempts where the kernel can say which pages were touched.
const KEPT_MEMORY_BYTES: usize = 2 * 1024 * 1024;
/// The same for its tables.
const KEPT_TABLE_BYTES: usize = 64 * 1024;
/// Stacks and memories that are given back to the kernel together. A pool that runs out gives back what waits.
const DECOMMIT_BATCH: usize = 16;
/// How much of a slot's native stack is cleared in place; what was used below it is given back to the kernel.
const KEPT_STACK_BYTES: usize = 8 * 1024;

/// The limits and checks that are built into compiled code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checks {
    /// Count fuel.
    pub(crate) fuel: bool,
    /// Look at the epoch on loops and calls.
    pub(crate) epoch: bool,
}

impl Checks {
    /// What every attempt runs with.
    pub(crate) const ALL: Self = Self { fuel: true, epoch: true };
}

/// The engine that only compiles: it reserves no memory for instances.
pub(crate) fn compiling(checks: Checks) -> wasmtime::Result<Engine> {
    Engine::new(&config(checks))
}

/// The engine that runs at most `slots` attempts at once, each as large as the ceilings allow.
pub(crate) fn running(slots: u32, checks: Checks) -> wasmtime::Result<Engine> {
    let mut config = config(checks);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)));
    Engine::new(&config)
}

fn config(checks: Checks) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(checks.fuel)
        .epoch_interruption(checks.epoch)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .async_stack_zeroing(true)
        .concurrency_support(false)
        .memory_init_cow(true)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .shared_memory(false)
        .wasm_component_model(true)
        // The same bits on every machine and at every try.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

fn pool(slots: u32) -> PoolingAllocationConfig {
    let slots = slots.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .max_component_instance_size(INSTANCE_BYTES)
        .total_core_instances(slots.saturating_mul(MAX_CORE_INSTANCES))
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_core_instance_size(INSTANCE_BYTES)
        .total_memories(slots.saturating_mul(MAX_MEMORIES))
        .max_memories_per_component(MAX_MEMORIES)
        .max_memories_per_module(MAX_MEMORIES)
        .total_tables(slots.saturating_mul(MAX_TABLES))
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(MAX_TABLES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(usize::try_from(Limits::CEILING.memory_bytes).unwrap_or(usize::MAX))
        .decommit_batch_size(DECOMMIT_BATCH)
        .total_stacks(slots)
        .async_stack_keep_resident(KEPT_STACK_BYTES);
    // Without the kernel's list of touched pages, keeping memory means clearing all of it: slower than unmapping.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEPT_MEMORY_BYTES)
            .table_keep_resident(KEPT_TABLE_BYTES);
    }
    pool
}
