//! Releases that people approve by signatures: `request`, `go` under a gate that requires them, and `no`.

mod keys;
mod kills;
mod migrations;
mod people;
mod requests;
mod storefront;
mod team;
mod undo;
