//! The behaviour of the server, through its public API and over real sockets.
//!
//! - `document`: `GET /flags` and `GET /healthz`; tags, caching, paths and methods.
//! - `stream`: `GET /events`; every change, heartbeats, and a graceful stop.
//! - `client`: a process follows the server with `flagkit_sources::Http`.
//! - `status`: `GET /status`; two instances, their migrations and counters.
//! - `connections`: clients that are slow, silent, numerous or endless.
//! - `support`: a served file, and a small HTTP client that sends requests byte for byte.

mod client;
mod connections;
mod document;
mod status;
mod stream;
mod support;
