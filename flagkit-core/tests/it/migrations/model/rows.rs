//! The database: rows with an old and a new side. Each method is atomic.

use flagkit_core::source::Side;

/// One row. A value is also its version, because values come from one sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    old: Option<u64>,
    new: Option<u64>,
    is_locked: bool,
}

impl Row {
    pub(super) fn get(&self, side: Side) -> Option<u64> {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    pub(super) fn set(&mut self, side: Side, value: Option<u64>) {
        match side {
            Side::Old => self.old = value,
            Side::New => self.new = value,
        }
    }

    /// Sets a side, unless it has a newer version.
    pub(super) fn set_newer(&mut self, side: Side, value: Option<u64>) {
        self.set(side, self.get(side).max(value));
    }

    /// Copies the old value that was read before, if the row is still the same on both sides.
    pub(super) fn copy_if_unchanged(&mut self, read: Row) {
        if (self.old, self.new) == (read.old, read.new) {
            self.new = read.old;
        }
    }

    /// Locks the row, unless it is locked. Returns whether it did so.
    pub(super) fn try_lock(&mut self) -> bool {
        !std::mem::replace(&mut self.is_locked, true)
    }

    pub(super) fn unlock(&mut self) {
        self.is_locked = false;
    }
}
