//! The peak memory of a function.

/// The memory limit for a document of 1 MiB, from its bytes to its evaluations, in bytes.
const LIMIT: u64 = 64 << 20;

/// Runs `work`, and panics if its peak exceeds the limit.
///
/// The allocator counts the memory of this thread, without the overhead of AddressSanitizer and libFuzzer.
pub fn bounded(work: impl FnOnce()) {
    let took = allocation_counter::measure(work);
    assert!(took.bytes_max <= LIMIT, "{} bytes at once, more than {LIMIT}", took.bytes_max);
}
