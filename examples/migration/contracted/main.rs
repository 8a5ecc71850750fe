//! A later release of the service, without code of the old path.
//!
//! ```text
//! cargo run --example migration-contracted -- serve --database users.sqlite --port 8080
//! ```
//!
//! Its store is the only file that differs. In a real service, this is the same file, one release later.

#[path = "../database.rs"]
mod database;
#[path = "../name.rs"]
mod name;
#[path = "../options.rs"]
mod options;
#[path = "../run.rs"]
mod run;
#[path = "../schema.rs"]
mod schema;
#[path = "../service.rs"]
mod service;
mod store;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(store::Store::new, |_| Err("cannot run the backfill: this release has no code of the old column".into()))
}
