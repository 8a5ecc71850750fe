//! What the application and its operator do.

/// The rules of one model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) writes: Writes,
    pub(super) backfill: Backfill,
    pub(super) steps: Steps,
}

/// How the application writes both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// By one statement or transaction: `writes_old` and `writes_new`.
    OneStatement,
    /// By two writes, each with a version from one sequence. A side keeps the highest version.
    Versioned,
    /// By two writes, under a lock of the row.
    Locked,
    /// By two writes in any order.
    Unordered,
}

/// How the old rows are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backfill {
    /// At `dual-write`, and only if the row was not written since it was read.
    Conditional,
    /// At `dual-write`, whatever is written meanwhile.
    Overwrite,
    /// At `dual-write`, and only if the new side has no row.
    OnlyMissing,
    /// As `Conditional`, and at `off`.
    BeforeDualWrite,
}

/// When the stage changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps {
    /// Forward by one step, when all instances and all requests have the present stage. Back by one step at any time,
    /// but to `off` only when none of them reads the new side.
    Wait,
    /// As `Wait`, without regard for requests that run.
    DoNotDrain,
    /// As `Wait`, but forward at any time.
    DoNotWait,
    /// As `Wait`, but to `off` at any time.
    ReturnAtOnce,
    /// Forward by two steps, by hand.
    Skip,
}

impl Rules {
    /// The rules that lose no write. The other ones differ from them in one point.
    pub(super) const SAFE: Self =
        Self { writes: Writes::OneStatement, backfill: Backfill::Conditional, steps: Steps::Wait };
}

impl Writes {
    /// The ways of writing that lose no write.
    pub(super) const ALL: [Self; 3] = [Self::OneStatement, Self::Versioned, Self::Locked];
}
