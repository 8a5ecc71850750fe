//! The memory that a piece of work has at its peak.

/// What 1 MiB of a document may take, in bytes: from its bytes to the answers.
const LIMIT: u64 = 64 << 20;

/// Does the work, which may have so much at once and no more.
///
/// Counted by the allocator, on this thread: neither AddressSanitizer's own memory nor libFuzzer's is in it.
pub fn bounded(work: impl FnOnce()) {
    let took = allocation_counter::measure(work);
    assert!(took.bytes_max <= LIMIT, "{} bytes at once, more than {LIMIT}", took.bytes_max);
}
