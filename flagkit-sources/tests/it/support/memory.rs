//! The memory of the process of a test, which must run no other test at the same time.

pub const MIB: u64 = 1 << 20;

/// The memory of this process when it was created. Measures how much the peak grew since then.
pub struct Baseline(Option<u64>);

impl Baseline {
    /// Takes the memory in use now, so that the growth covers all that is allocated from now on.
    pub fn current() -> Self {
        Self(read("VmRSS"))
    }

    /// Takes the peak until now, so that allocations up to an earlier peak do not count.
    pub fn peak() -> Self {
        Self(read("VmHWM"))
    }

    /// Checks that the peak grew by at most `limit` bytes. Does nothing on a system without `/proc`.
    pub fn assert_growth_within(&self, limit: u64, what: &str) {
        if let (Some(before), Some(peak)) = (self.0, read("VmHWM")) {
            // Linux counts per thread and adds up late, so a later peak may be the lower number.
            let growth = peak.saturating_sub(before);
            assert!(growth <= limit, "{what}: memory grew by {} KiB", growth >> 10);
        }
    }
}

/// Reads a value of this process in bytes from `/proc`.
#[cfg(target_os = "linux")]
fn read(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(not(target_os = "linux"))]
fn read(_: &str) -> Option<u64> {
    None
}
