//! A service that splits the column `users.name` into `first_name` and `last_name` while it runs.
//!
//! ```text
//! cargo run --example migration -- schema --database users.sqlite       # applies the SQL files
//! cargo run --example migration -- serve --database users.sqlite --port 8080
//! cargo run --example migration -- backfill --database users.sqlite     # at stage dual-write
//! ```
//!
//! The README beside this file has the steps. Read the files in this order:
//!
//! - `store`: the old and the new path, by the stage of the migration. This file is the example.
//! - `backfill`: copies old rows to the new columns, without overwriting newer ones.
//! - `contracted/`: a later release, which has no code of the old path.
//! - `service`: the routes. `name`: a name in two parts. `database`: SQLite or PostgreSQL. `schema`: the SQL files.
//! - `options`: the command line. `run`: what both releases do.

mod backfill;
mod database;
mod name;
mod options;
mod run;
mod schema;
mod service;
mod store;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(store::Store::new, |connection| {
        println!("migration: {}", backfill::run(connection)?);
        Ok(())
    })
}
