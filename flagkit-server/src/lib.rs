//! Serves a flag file over HTTP.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use flagkit_server::FlagServer;
//! use flagkit_sources::File;
//! use tokio::net::TcpListener;
//!
//! let server = tokio::task::spawn_blocking(|| FlagServer::new(File::new("flags.toml"))).await??;
//! let listener = TcpListener::bind("127.0.0.1:8700").await?;
//! flagkit_server::serve(listener, server, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Routes
//!
//! | path | response |
//! |---|---|
//! | `GET /flags` | the document with an `ETag`; 304 on a matching `If-None-Match`; the stream if `Accept` prefers `text/event-stream` |
//! | `GET /events` | the document as a server-sent event, now and after each change, and a heartbeat every 15 seconds |
//! | `GET /healthz` | 200 and `fresh` or `stale`; 503 and `waiting` until the first valid document |
//! | `GET /status` | the [status](flagkit_sources::InstanceStatus) of this process as JSON, for `flagkit migrate` |
//!
//! The server is read-only. It serves the last valid document, so a file that becomes invalid or disappears changes
//! nothing. This crate has no authentication: bind it where every client may read the flags, or mount
//! [`FlagServer::router`] into an application that authenticates requests first.
//!
//! # Limits
//!
//! [`serve`] closes connections that send no request for 20 seconds, or read nothing for 30. It serves at most 10,000
//! connections and 8,000 streams at once, and a stream ends after about an hour. Headers of a request may have 32 KiB,
//! and a body is never read. [`FlagServer::with_limits`] changes these limits. A router that is mounted into an
//! application has the limits of that application's server.
//!
//! # Events
//!
//! The type of an event is the format, `toml` or `json`. Its id is the `ETag`, and its data is the document with LF line
//! endings. A document with a line longer than 1 MiB cannot be streamed. In that case, and while the server stops, the
//! stream ends and clients poll.
//!
//! # Files, in reading order
//!
//! - `server`: [`FlagServer`] watches the file and has the routes. `limits`: [`Limits`].
//! - `connections`: [`serve`] accepts connections and runs the routes until it is stopped.
//! - `response`: one handler per route. `accept`: the choice between document and stream. `events`: the stream.
//! - `document`: the bytes that are served, with their tag and their event.

#![forbid(unsafe_code)]

mod accept;
mod connections;
mod document;
mod events;
mod limits;
mod response;
mod server;

pub use self::connections::serve;
pub use self::limits::Limits;
pub use self::server::FlagServer;

/// Compiles the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
