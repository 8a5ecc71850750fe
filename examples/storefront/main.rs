//! A shop whose new code is merged and dark, until somebody changes one line of a file.
//!
//! ```text
//! cargo run --example storefront                 # prints its address; edit storefront/flags.toml
//! cargo run --example storefront -- --port 8080 --flags my-flags.toml
//! cargo run --example storefront -- --reload-on-hup     # `kill -HUP` has it look at the file now
//! FLAG_NEW_CHECKOUT=on cargo run --example storefront
//! ```
//!
//! - `/` the shop: its checkout is behind a boolean flag, its search behind a percentage that is sticky on the
//!   visitor (a cookie, or `?user=NAME`), its gift finder behind rules (`?plan=beta`), its colours are variants;
//! - `/flags` for operators: every flag with its answer and reason, every source with its state;
//! - `/explain/FLAG?user=NAME&plan=PLAN` for operators: every step on the way to an answer (`&format=json` for machines).

mod operator;
mod options;
mod shop;
mod visitor;

use std::error::Error;
use std::future::{pending, ready};
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use flagkit_core::{Event, Flags};
use flagkit_sources::Guard;
use tokio::net::TcpListener;

use options::Options;
use visitor::Visitor;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storefront: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let guard = Arc::new(flagkit_sources::watch(&options.flags)?);
    guard.flags().subscribe(announce).forget();
    if options.reload_on_hup {
        reload_on_hup(&guard)?;
    }

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("storefront: open http://{}/ and edit {}", listener.local_addr()?, options.flags.display());
    axum::serve(listener, router(guard.flags().clone()))
        .with_graceful_shutdown(async {
            // Without a signal handler there is no stopping by hand either, so an error waits as well.
            if tokio::signal::ctrl_c().await.is_err() {
                pending::<()>().await;
            }
        })
        .await?;
    Ok(())
}

/// Has the flags loaded again at each SIGHUP. Changes are noticed without it; some operators want to be sure.
#[cfg(unix)]
fn reload_on_hup(guard: &Arc<Guard>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangups = signal(SignalKind::hangup())?;
    let guard = Arc::downgrade(guard);
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let Some(guard) = guard.upgrade() else { return };
            guard.reload();
            println!("storefront: loads its flags again");
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn reload_on_hup(_: &Arc<Guard>) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "there is no SIGHUP on this system"))
}

fn router(flags: Flags) -> Router {
    let explained = flags.clone();
    Router::new().route("/", get(shop::page)).route("/flags", get(move || ready(operator::report(&flags)))).route(
        "/explain/{flag}",
        get(move |flag, visitor: Visitor, format| ready(operator::explain(&explained, flag, &visitor, format))),
    )
}

fn announce(event: &Event) {
    match event {
        Event::Changed(change) => {
            println!("storefront: revision {} from {} changes {:?}", change.revision, change.layer, change.keys);
        }
        Event::LoadFailed(fault) => {
            if let Some(error) = &fault.error {
                println!("storefront: {} keeps its last good flags: {error}", fault.layer);
            }
            for problem in &*fault.problems {
                println!("storefront: {}: {problem}", fault.layer);
            }
        }
        Event::StateChanged(turn) => println!("storefront: {} is {}", turn.layer, turn.to.as_str()),
        Event::WarningsChanged(warning) => println!("storefront: {} {}", warning.layer, warning.warnings.join("; it ")),
        _ => {}
    }
}
