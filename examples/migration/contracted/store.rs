//! The users, in a later release: only the new columns are left.
//!
//! The range is `Contracted`, so code for the old column would not compile. When this release runs everywhere, the old
//! column can be dropped.

use flagkit_core::migration;

use crate::database::{Pool, Value};
use crate::name::Name;
use crate::service::{Error, Users};

migration! {
    /// Splits `users.name` into `first_name` and `last_name`. Remove it after the drop.
    pub(crate) static SPLIT_NAME: "split-name", range = Contracted, start = Complete
}

const SELECT: &str = "SELECT first_name, last_name FROM users WHERE id = $1";

const UPSERT: &str = "INSERT INTO users (id, first_name, last_name) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name";

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
        let parameters = [id.into(), name.first.clone().into(), name.last.clone().into()];
        plan.write_new(|| self.pool.with(|connection| connection.execute(UPSERT, &parameters)))?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Option<Name>, Error> {
        let plan = SPLIT_NAME.plan()?;
        let rows = plan.read_new(|| self.pool.with(|connection| connection.query(SELECT, &[id.into()])))?;
        Ok(rows.first().and_then(|row| match row.as_slice() {
            [Value::Text(first), Value::Text(last)] => Some(Name { first: first.clone(), last: last.clone() }),
            _ => None,
        }))
    }
}
