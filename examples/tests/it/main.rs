//! The main job, end to end: the storefront runs as a process, and its flag file changes.
//!
//! - `storefront`: a line of the file turns features on and off, without a restart.
//! - `reload`: SIGHUP reloads the flags, if the option asks for it.
//! - `support`: the path of the storefront's program.

#[cfg(unix)]
mod reload;
mod storefront;
mod support;
