//! The children of `bench` under an allocator that counts.

use std::alloc::System;
use std::process::ExitCode;

use bench::Heap;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    bench::run(Some(snapshot))
}

fn snapshot() -> Heap {
    let stats = ALLOCATOR.stats();
    Heap {
        allocations: (stats.allocations + stats.reallocations) as u64,
        live_bytes: stats.bytes_allocated as i64 - stats.bytes_deallocated as i64,
    }
}
