//! Times prove little. A copy with an older date, several rewrites within a second, and rewrites of the same size are
//! all detected, also by the poll only.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::{self, TestDir, is_on, pause, wait_until};
use flagkit_sources::Guard;

/// Both texts have the same length.
fn text(on: bool) -> String {
    format!("[flags]\ncheckout = {}\n", if on { "true " } else { "false" })
}

fn date(path: &Path, age: Duration) {
    let time = SystemTime::now() - age;
    fs::File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("set");
}

fn wait_for(guard: &Guard, n: u32, on: bool) {
    wait_until(&format!("change {n} is seen"), || is_on(guard, "checkout") == on);
}

/// A rollback copies yesterday's file over today's, with its date.
fn older_copies(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(false));
    let guard = start(&folder.flags());
    for n in 1..=10 {
        let (on, old) = (n % 2 == 1, folder.path("old.toml"));
        fs::write(&old, text(on)).expect("written");
        // Each date is older than the previous one.
        date(&old, Duration::from_secs(u64::from(n) * 86_400));
        let copied = Command::new("cp").arg("-p").arg(&old).arg(folder.flags()).status().expect("cp runs");
        assert!(copied.success());
        wait_for(&guard, n, on);
    }
}

fn older_files_moved(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(false));
    let guard = start(&folder.flags());
    for n in 1..=10 {
        let (on, old) = (n % 2 == 1, folder.path("old.toml"));
        fs::write(&old, text(on)).expect("written");
        date(&old, Duration::from_secs(u64::from(n) * 86_400));
        fs::rename(old, folder.flags()).expect("moved");
        wait_for(&guard, n, on);
    }
}

/// Dates in the future, as from a wrong clock, must not block changes either.
fn dates_of_the_future(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(false));
    let future = SystemTime::now() + Duration::from_secs(86_400 * 365);
    let guard = start(&folder.flags());
    for n in 1..=6 {
        let on = n % 2 == 1;
        folder.write(text(on));
        fs::File::options().write(true).open(folder.flags()).and_then(|file| file.set_modified(future)).expect("set");
        wait_for(&guard, n, on);
    }
}

/// Many rewrites happen within one second, and the test waits for each. Whole seconds would reveal none of them.
fn within_a_second(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(false));
    let guard = start(&folder.flags());
    for n in 1..=20 {
        let on = n % 2 == 1;
        folder.write(text(on));
        wait_for(&guard, n, on);
    }
}

/// Two rewrites happen within one tick of the file system's clock. The source may skip the first, but never the second.
fn within_a_tick(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(false));
    let guard = start(&folder.flags());
    for n in 1..=20 {
        let on = n % 2 == 1;
        folder.write(text(!on));
        // The second write happens at any moment of the read of the first.
        pause(Duration::from_micros(u64::from(n) * 700));
        folder.write(text(on));
        wait_for(&guard, n, on);
        support::holds_for(Duration::from_millis(60), "it stays", || is_on(&guard, "checkout") == on);
    }
}

macro_rules! both {
    ($($name:ident)+) => {
        mod by_events {
            $(#[test]
            fn $name() {
                super::$name(crate::support::follow);
            })+
        }

        mod by_polling_only {
            $(#[test]
            fn $name() {
                super::$name(|path| crate::support::poll(path, std::time::Duration::from_millis(20)));
            })+
        }
    };
}

both! { older_copies older_files_moved dates_of_the_future within_a_second within_a_tick }
