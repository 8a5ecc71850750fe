//! A connection to SQLite or PostgreSQL, and a pool of them. Both take the same statements.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{error, fmt};

use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls};
use rusqlite::types::ValueRef;

/// A value of a column or of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// SQL's `NULL`.
    Null,
    /// A `BIGINT`.
    Integer(i64),
    /// A `TEXT`.
    Text(String),
}

/// A row of a result.
pub(crate) type Row = Vec<Value>;

/// An open connection.
pub(crate) enum Connection {
    /// To a file.
    Sqlite(rusqlite::Connection),
    /// To a server.
    Postgres(Box<Client>),
}

/// Connections to one database, which requests share.
pub(crate) struct Pool {
    address: String,
    idle: Mutex<Vec<Connection>>,
}

/// Why the database did not answer.
#[derive(Debug)]
pub(crate) enum Error {
    /// An error of SQLite.
    Sqlite(rusqlite::Error),
    /// An error of PostgreSQL.
    Postgres(postgres::Error),
}

impl Connection {
    /// Connects to an address: `postgres://…`, or the path of an SQLite file.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    pub(crate) fn open(address: &str) -> Result<Self, Error> {
        if address.starts_with("postgres://") {
            return Ok(Self::Postgres(Box::new(Client::connect(address, NoTls)?)));
        }
        let connection = rusqlite::Connection::open(address)?;
        // Waits for the writer of another process instead of failing.
        connection.busy_timeout(Duration::from_secs(30))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        Ok(Self::Sqlite(connection))
    }

    /// Runs several statements.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    pub(crate) fn run_script(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql)?,
            Self::Postgres(client) => client.batch_execute(sql)?,
        }
        Ok(())
    }

    /// Runs one statement, and returns the number of rows that it changed.
    ///
    /// Parameters are `$1`, `$2` and so on, and first appear in this order.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    pub(crate) fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, Error> {
        match self {
            Self::Sqlite(connection) => {
                let changed = connection.prepare(sql)?.execute(rusqlite::params_from_iter(parameters))?;
                Ok(u64::try_from(changed).unwrap_or(u64::MAX))
            }
            Self::Postgres(client) => Ok(client.execute(sql, &references(parameters))?),
        }
    }

    /// Runs one statement, and returns its rows.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    pub(crate) fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(sql)?;
                let columns = statement.column_count();
                let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| {
                    (0..columns).map(|column| Ok(Value::from(row.get_ref(column)?))).collect()
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
            Self::Postgres(client) => {
                let rows = client.query(sql, &references(parameters))?;
                Ok(rows.iter().map(postgres_row).collect::<Result<_, _>>()?)
            }
        }
    }
}

impl Pool {
    /// Creates a pool for the database at an address. It connects at the first use.
    pub(crate) fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), idle: Mutex::default() }
    }

    /// Calls `work` with a connection that no other caller uses.
    ///
    /// # Errors
    ///
    /// Returns the error of `work` or of a new connection. A connection with an error is closed.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&self.address)?,
        };
        let result = work(&mut connection)?;
        self.idle().push(connection);
        Ok(result)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn references(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    let reference = |value| match value {
        &Value::Null => &None::<&str> as &(dyn ToSql + Sync),
        Value::Integer(number) => number,
        Value::Text(text) => text,
    };
    parameters.iter().map(reference).collect()
}

fn postgres_row(row: &postgres::Row) -> Result<Row, postgres::Error> {
    let value = |(index, column): (usize, &postgres::Column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index)?.map_or(Value::Null, Value::Integer),
            _ => row.try_get::<_, Option<String>>(index)?.map_or(Value::Null, Value::Text),
        })
    };
    row.columns().iter().enumerate().map(value).collect()
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Null => Ok(rusqlite::types::Null.into()),
            Self::Integer(number) => rusqlite::ToSql::to_sql(number),
            Self::Text(text) => rusqlite::ToSql::to_sql(text),
        }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Self::Null,
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(_) => f.write_str("cannot query SQLite"),
            Self::Postgres(_) => f.write_str("cannot query PostgreSQL"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Sqlite(error) => Some(error),
            Self::Postgres(error) => Some(error),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle().len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Sqlite",
            Self::Postgres(_) => "Postgres",
        })
    }
}
