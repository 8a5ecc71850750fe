//! The backfill: copies the old column of every row to the new columns.
//!
//! It runs after every instance writes both sides. In the other order, a row that is written after its copy and before
//! the first double write keeps an old value in the new columns.
//!
//! A write may come between reading a row and copying it. So the copy has a condition: all columns must still have the
//! values that were read. If they have not, the writer has written the new columns too, and there is nothing to copy.
//! `WHERE first_name IS NULL` is not enough: after `dual-write`, back to `off`, and forward again, rows have *old*
//! values in their new columns.

use std::{error, fmt};

use flagkit_core::migrate::PlanError;
use flagkit_core::source::Stage;

use crate::database::{Connection, Error as DatabaseError, Value};
use crate::name::Name;
use crate::store::SPLIT_NAME;

/// The rows that one query reads. A batch locks nothing, so it may be large.
const BATCH: i64 = 500;

const SELECT: &str = "SELECT id, name, first_name, last_name FROM users WHERE id > $1 ORDER BY id LIMIT $2";

const COPY: &str = "UPDATE users SET first_name = $1, last_name = $2 WHERE id = $3 AND name = $4
    AND first_name IS NOT DISTINCT FROM $5 AND last_name IS NOT DISTINCT FROM $6";

/// The result of a backfill, for its certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// The rows that were read.
    pub(crate) rows: u64,
    /// The rows that were copied, because their sides differed.
    pub(crate) copied: u64,
    /// The rows with different sides after the copy.
    pub(crate) mismatches: u64,
}

/// Why a backfill stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// The stage is not known.
    Plan(PlanError),
    /// The old side is not authoritative, or the new one is not written.
    Stage(Stage),
    /// An error of the database.
    Database(DatabaseError),
}

/// Copies all rows, and then counts the rows that differ.
///
/// # Errors
///
/// Returns an error if the migration is not at `dual-write` or `shadow`, and the error of the database. It can be run
/// again after an error.
pub(crate) fn run(connection: &mut Connection) -> Result<Report, Error> {
    let mut report = Report::default();
    each_row(connection, |connection, row| {
        report.rows += 1;
        if row.differs() {
            report.copied += copy(connection, row)?;
        }
        Ok(())
    })?;
    each_row(connection, |_, row| {
        report.mismatches += u64::from(row.differs());
        Ok(())
    })?;
    Ok(report)
}

/// One row, as it was read.
struct User {
    id: i64,
    name: String,
    new: [Value; 2],
}

impl User {
    fn parse(row: Vec<Value>) -> Option<Self> {
        match <[Value; 4]>::try_from(row) {
            Ok([Value::Integer(id), Value::Text(name), first, last]) => Some(Self { id, name, new: [first, last] }),
            _ => None,
        }
    }

    fn copied(&self) -> [Value; 2] {
        let Name { first, last } = Name::split(&self.name);
        [first.into(), last.into()]
    }

    fn differs(&self) -> bool {
        self.new != self.copied()
    }
}

/// Calls `work` with each row, in the order of the ids.
fn each_row(
    connection: &mut Connection,
    mut work: impl FnMut(&mut Connection, &User) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut last_id = i64::MIN;
    loop {
        check_stage()?;
        let rows = connection.query(SELECT, &[last_id.into(), BATCH.into()])?;
        if rows.is_empty() {
            return Ok(());
        }
        for user in rows.into_iter().filter_map(User::parse) {
            work(connection, &user)?;
            last_id = user.id;
        }
    }
}

/// Copies one row, unless it was written since it was read. Returns the number of copied rows.
fn copy(connection: &mut Connection, user: &User) -> Result<u64, Error> {
    let ([first, last], [old_first, old_last]) = (user.copied(), user.new.clone());
    Ok(connection.execute(COPY, &[first, last, user.id.into(), user.name.clone().into(), old_first, old_last])?)
}

/// Returns an error unless the old side is authoritative and writers write both. From `complete` on, the old column is
/// stale, and a backfill would destroy newer data.
fn check_stage() -> Result<(), Error> {
    let plan = SPLIT_NAME.plan().map_err(Error::Plan)?;
    if plan.writes_new() && !plan.reads_new() { Ok(()) } else { Err(Error::Stage(plan.stage())) }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {} copied, {} mismatches", self.rows, self.copied, self.mismatches)
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(_) | Self::Database(_) => f.write_str("cannot run the backfill"),
            Self::Stage(stage) => {
                write!(f, "cannot run the backfill: got stage {stage}, expected dual-write or shadow")
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Plan(error) => Some(error),
            Self::Database(error) => Some(error),
            Self::Stage(_) => None,
        }
    }
}
