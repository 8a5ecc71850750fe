//! The users, in the release that migrates: the old column, the new columns, and the stage that selects between them.
//!
//! The old and the new columns belong to one row. So one statement writes both, and the database makes it atomic:
//! there is no second write that could fail, and no moment at which the columns differ. Two *tables* that one
//! transaction writes are the same case. Two *databases* are not: use `plan.write(old, new)` for them, as
//! docs/migrations.md describes.

use flagkit_core::migrate::{Full, Plan, ShadowRead};
use flagkit_core::migration;

use crate::database::{Pool, Row, Value};
use crate::name::Name;
use crate::service::{Error, Users};

migration! {
    /// Splits `users.name` into `first_name` and `last_name`.
    pub(crate) static SPLIT_NAME: "split-name", range = Full
}

/// At stage `off`, the new columns may not exist yet.
const SELECT_OLD: &str = "SELECT name FROM users WHERE id = $1";

/// A row has all columns, so one query reads both sides.
const SELECT_BOTH: &str = "SELECT name, first_name, last_name FROM users WHERE id = $1";

const UPSERT_OLD: &str = "INSERT INTO users (id, name) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name";

const UPSERT_NEW: &str = "INSERT INTO users (id, first_name, last_name) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name";

const UPSERT_BOTH: &str = "INSERT INTO users (id, name, first_name, last_name) VALUES ($1, $2, $3, $4)
    ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, first_name = excluded.first_name, last_name = excluded.last_name";

/// The users in the database.
#[derive(Debug)]
pub(crate) struct Store {
    pool: Pool,
}

impl Store {
    /// Creates a store of the database of `pool`.
    pub(crate) fn new(pool: Pool) -> Self {
        SPLIT_NAME.register();
        Self { pool }
    }
}

impl Users for Store {
    fn put(&self, id: i64, name: &Name) -> Result<(), Error> {
        let plan = SPLIT_NAME.plan()?;
        let (sql, parameters) = upsert(&plan, id, name);
        self.pool.with(|connection| connection.execute(sql, &parameters))?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Option<Name>, Error> {
        let plan = SPLIT_NAME.plan()?;
        let sql = if plan.writes_new() { SELECT_BOTH } else { SELECT_OLD };
        let rows = self.pool.with(|connection| connection.query(sql, &[id.into()]))?;
        let row = rows.into_iter().next();
        let (old, new) = (row.as_ref().and_then(old_name), row.as_ref().and_then(new_name));
        // Both sides come from one query, so a comparison costs no time, and no write can come between them.
        plan.read(|| Ok(old), || Ok(new)).compare(Option::eq).run(ShadowRead::run)
    }
}

/// Returns the statement that writes the sides of the plan, and its parameters.
fn upsert(plan: &Plan<Full>, id: i64, name: &Name) -> (&'static str, Vec<Value>) {
    let mut parameters = vec![id.into()];
    if plan.writes_old() {
        parameters.push(name.to_string().into());
    }
    if plan.writes_new() {
        parameters.extend([name.first.clone().into(), name.last.clone().into()]);
    }
    let sql = match (plan.writes_old(), plan.writes_new()) {
        (true, false) => UPSERT_OLD,
        (true, true) => UPSERT_BOTH,
        (false, _) => UPSERT_NEW,
    };
    (sql, parameters)
}

/// Returns the name of the old column.
fn old_name(row: &Row) -> Option<Name> {
    match row.as_slice() {
        [Value::Text(name), ..] => Some(Name::split(name)),
        _ => None,
    }
}

/// Returns the name of the new columns. `None` if the backfill has not copied the row yet.
fn new_name(row: &Row) -> Option<Name> {
    match row.as_slice() {
        [_, Value::Text(first), Value::Text(last)] => Some(Name { first: first.clone(), last: last.clone() }),
        _ => None,
    }
}
