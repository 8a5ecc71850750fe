//! Reads allocate nothing. `allocation-counter` replaces the global allocator, so this is a binary of its own.

mod handles;
mod rules;

/// The number of allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}
