//! Support for the tests: a folder to run the command in, a terminal, a server, and transcripts.

mod folder;
mod server;
mod terminal;
mod transcript;

use std::thread;
use std::time::{Duration, Instant};

pub(crate) use folder::{Folder, ended, envelope};
pub(crate) use server::{Reply, Server, nobody};
pub(crate) use terminal::Terminal;
pub(crate) use transcript::Transcript;

/// For whatever must come, and does within milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for what must come.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < DEADLINE, "not in time: {what}");
        thread::yield_now();
    }
}
