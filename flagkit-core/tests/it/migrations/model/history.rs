//! What was written and read, and the check of each read.

use std::ops::Range;

/// The writes and reads of one row, each in the order of their beginnings.
#[derive(Debug, Default)]
pub(super) struct History {
    writes: Vec<Write>,
    reads: Vec<Read>,
}

#[derive(Debug)]
struct Write {
    value: u64,
    time: Range<u64>,
    is_acknowledged: bool,
}

#[derive(Debug)]
struct Read {
    value: u64,
    time: Range<u64>,
}

impl History {
    /// Records a write that begins. Values grow.
    pub(super) fn begin(&mut self, value: u64, start: u64) {
        self.writes.push(Write { value, time: start..u64::MAX, is_acknowledged: false });
    }

    /// Records its end. A write that failed may be read or not, but not after a later one that was acknowledged.
    pub(super) fn end(&mut self, value: u64, now: u64, is_acknowledged: bool) {
        let index = self.writes.binary_search_by_key(&value, |write| write.value).expect("it has begun");
        let write = &mut self.writes[index];
        write.time.end = now;
        write.is_acknowledged = is_acknowledged;
    }

    /// Checks and records a read that began at `time.start` and ended at `time.end`.
    pub(super) fn check(&mut self, value: Option<u64>, time: Range<u64>) -> Result<(), String> {
        let written = value.and_then(|value| self.write(value));
        let end = written.map_or(0, |write| write.time.end);
        // A write was acknowledged before the read, and began after the end of the write that was read.
        let newer = self.writes.iter().rev().take_while(|write| write.time.start >= end);
        if let Some(newer) = newer.into_iter().find(|write| write.is_acknowledged && write.time.end < time.start) {
            return Err(format!("got {value:?}, and {} was acknowledged before the read", newer.value));
        }
        // An earlier read returned another value after the end of the write that was read, which is overwritten since.
        let later = self.reads.iter().rev().take_while(|read| read.time.start > end);
        let mut later = later.filter(|read| Some(read.value) != value && read.time.end < time.start);
        let is_settled = |write: &Write| write.is_acknowledged && write.time.end < time.start;
        if written.is_some_and(|write| write.is_acknowledged) {
            if let Some(read) = later.find(|read| self.write(read.value).is_some_and(is_settled)) {
                return Err(format!("got {value:?} again, and {} was read before", read.value));
            }
        }
        self.reads.extend(value.map(|value| Read { value, time }));
        Ok(())
    }

    fn write(&self, value: u64) -> Option<&Write> {
        let index = self.writes.binary_search_by_key(&value, |write| write.value).ok()?;
        self.writes.get(index)
    }
}
