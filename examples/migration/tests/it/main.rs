//! The service migrates a real database under load, as two processes that follow their own flag files.
//!
//! - `stages`: every stage forward, back and forward again; no write is lost, and no read is stale.
//! - `history`: what the workers wrote and read, and the check of it.
//! - `load`: the workers. `service`: one instance. `database`: SQLite, or PostgreSQL where it is installed.

mod database;
mod history;
mod load;
mod service;
mod stages;

use std::time::{Duration, Instant};

/// Far longer than any step here needs, so that only a hang reaches it.
const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until a condition holds.
#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
