//! Support for the tests: a folder to run the command in, a terminal, a server, and transcripts.

mod folder;
mod program;
mod server;
mod storefront;
mod terminal;
mod transcript;

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

pub(crate) use folder::{Folder, Ran, ended, envelope, go};
pub(crate) use program::Program;
pub(crate) use server::{Reply, Server, refused_address};
pub(crate) use storefront::Storefront;
pub(crate) use terminal::Terminal;
pub(crate) use transcript::Transcript;

/// The time limit for conditions that normally hold within milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < DEADLINE, "not in time: {what}");
        thread::yield_now();
    }
}

/// Returns the SHA-256 of a text, as hexadecimal digits.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}
