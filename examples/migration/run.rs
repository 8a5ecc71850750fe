//! What both releases do: start, serve until they are stopped, and report errors.

use std::error::Error;
use std::future::ready;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::http::header;
use axum::routing::get;
use flagkit_core::Flags;
use flagkit_sources::InstanceStatus;
use tokio::net::TcpListener;

use crate::database::{Connection, Pool};
use crate::options::{Action, Options};
use crate::schema;
use crate::service::{self, Users};

/// Runs a release with its store, and with its code for `backfill`.
pub(crate) fn run<U: Users>(
    store: impl FnOnce(Pool) -> U,
    backfill: impl FnOnce(&mut Connection) -> Result<(), Box<dyn Error>>,
) -> ExitCode {
    match start(store, backfill) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("migration: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start<U: Users>(
    store: impl FnOnce(Pool) -> U,
    backfill: impl FnOnce(&mut Connection) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    if options.action == Action::Schema {
        return schema::apply(&mut Connection::open(&options.database)?, &options.migrations);
    }
    // Installs the flags. They follow the file while the guard lives.
    let guard = flagkit_sources::watch(&options.flags)?;
    if options.action == Action::Backfill {
        return backfill(&mut Connection::open(&options.database)?);
    }
    let users = store(Pool::new(&options.database));
    tokio::runtime::Runtime::new()?.block_on(serve(&options, guard.flags(), users))
}

/// Serves requests, and the status of this instance, until the process is stopped.
async fn serve<U: Users>(options: &Options, flags: &Flags, users: U) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("migration: serving http://{}/users/1", listener.local_addr()?);
    let mut status = InstanceStatus::new(flags.clone());
    if let Some(release) = &options.release {
        status = status.release(release.as_str());
    }
    // `flagkit migrate` reads it from every instance.
    let json = [(header::CONTENT_TYPE, "application/json")];
    let status = get(move || ready((json, status.to_json())));
    axum::serve(listener, service::router(Arc::new(users)).route("/status", status)).await?;
    Ok(())
}
