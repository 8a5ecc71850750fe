//! A shop with new code that is merged and dark, until an operator changes one line of a file.
//!
//! ```text
//! cargo run --example storefront                 # prints its address; edit storefront/flags.toml
//! cargo run --example storefront -- --port 8080 --flags my-flags.toml
//! cargo run --example storefront -- --reload-on-hup     # `kill -HUP` reloads the file at once
//! FLAG_NEW_CHECKOUT=on cargo run --example storefront
//! cargo run --example storefront -- --approvers .flagkit/approvers --env prod     # flags need approvals
//! ```
//!
//! - `/` is the shop. A boolean flag guards its checkout. A percentage that is sticky per visitor (a cookie, or
//!   `?user=NAME`) guards its search, rules (`?plan=beta`) guard its gift finder, and its colours are variants.
//! - The price of the socks moves from a text to cents: a migration, with a stage in the file. `POST /price?cents=990`
//!   sets it.
//! - `/status` reports the release and the stage of this instance to `flagkit migrate`.
//! - `/flags` shows operators every flag with its answer and reason, and every source with its state.
//! - With `--approvers`, a flag is dark until the people of that list have approved it. `/flags` and `/explain` say why.
//! - `/explain/FLAG?user=NAME&plan=PLAN` shows operators every step of an evaluation (`&format=json` for programs,
//!   `&format=text` for terminals).

mod explain;
mod follow;
mod html;
mod operator;
mod options;
mod price;
mod shop;
mod visitor;

use std::error::Error;
use std::future::{pending, ready};
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::{get, post};
use flagkit_core::{Event, Flags};
use flagkit_sources::{Guard, InstanceStatus};
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
    // An instance that has not read a price yet must report its stage as well.
    price::PRICE_IN_CENTS.register();
    let guard = Arc::new(follow::follow(&options)?);
    guard.flags().subscribe(announce).forget();
    if options.reload_on_hup {
        reload_on_hup(&guard)?;
    }

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("storefront: open http://{}/ and edit {}", listener.local_addr()?, options.flags.display());
    axum::serve(listener, router(guard.flags().clone()))
        .with_graceful_shutdown(async {
            // Without a signal handler, Ctrl-C ends the process by itself, so an error waits for ever.
            if tokio::signal::ctrl_c().await.is_err() {
                pending::<()>().await;
            }
        })
        .await?;
    Ok(())
}

/// Reloads the flags at each SIGHUP. Changes are noticed without it; the signal serves operators who expect it.
#[cfg(unix)]
fn reload_on_hup(guard: &Arc<Guard>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangups = signal(SignalKind::hangup())?;
    let guard = Arc::downgrade(guard);
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let Some(guard) = guard.upgrade() else { return };
            guard.reload();
            println!("storefront: reloading flags");
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn reload_on_hup(_: &Arc<Guard>) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "cannot handle SIGHUP: this system has none"))
}

fn router(flags: Flags) -> Router {
    let release = std::env::var("STOREFRONT_RELEASE").unwrap_or_else(|_| env!("CARGO_PKG_VERSION").to_owned());
    let status = InstanceStatus::new(flags.clone()).release(release);
    let no_store = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    let explained = flags.clone();
    Router::new()
        .route("/", get(shop::page))
        .route("/price", post(price::set))
        .route("/status", get(move || ready((no_store, status.to_json()))))
        .route("/flags", get(move || ready(operator::report(&flags))))
        .route(
            "/explain/{flag}",
            get(move |flag, visitor: Visitor, format| ready(explain::page(&explained, flag, &visitor, format))),
        )
}

fn announce(event: &Event) {
    match event {
        Event::Changed(change) => {
            println!("storefront: revision {} from {} changes {:?}", change.revision, change.layer, change.keys);
        }
        Event::LoadFailed(failure) => {
            if let Some(error) = &failure.error {
                println!("storefront: {} keeps its last good flags: {error}", failure.layer);
            }
            for problem in &*failure.problems {
                println!("storefront: {}: {problem}", failure.layer);
            }
        }
        Event::StateChanged(change) => println!("storefront: {} is {}", change.layer, change.to.as_str()),
        Event::WarningsChanged(change) => println!("storefront: {}: {}", change.layer, change.warnings.join("; ")),
        _ => {}
    }
}
