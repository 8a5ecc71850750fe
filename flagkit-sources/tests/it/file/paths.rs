//! A path leads through directories and links that do not exist yet, or no longer. The source follows the file once
//! they exist.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::support::{TestDir, document, is_on, last_error, pause, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{File, Guard};

fn step_by_step(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    let path = folder.path("etc/shop/live/flags.toml");
    let guard = start(&path);
    assert_eq!(status(&guard).state, SourceState::Waiting);
    for dir in ["etc", "etc/shop", "etc/shop/live"] {
        fs::create_dir(folder.path(dir)).expect("made");
        pause(Duration::from_millis(80));
        assert_eq!(status(&guard).state, SourceState::Waiting);
    }
    fs::write(&path, document("checkout", true)).expect("written");
    wait_until("the file is seen", || is_on(&guard, "checkout"));
    fs::write(&path, document("checkout", false)).expect("written");
    wait_until("the second text is seen", || !is_on(&guard, "checkout"));
}

fn all_in_one_step(start: fn(&Path) -> Guard) {
    for round in 0..10 {
        let folder = TestDir::new();
        let path = folder.path("etc/shop/live/flags.toml");
        let guard = start(&path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, document("checkout", true)).expect("written");
        wait_until(&format!("the file of round {round} is seen"), || is_on(&guard, "checkout"));
    }
}

/// The whole tree disappears and returns, as when a volume is mounted again.
fn gone_and_back(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    let path = folder.path("etc/shop/flags.toml");
    let create = |on| {
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, document("checkout", on)).expect("written");
    };
    create(false);
    let guard = start(&path);
    for round in 1..=6 {
        let on = round % 2 == 1;
        fs::remove_dir_all(folder.path("etc")).expect("removed");
        wait_for_state(&guard, SourceState::Stale);
        create(on);
        wait_until(&format!("round {round} is seen"), || is_on(&guard, "checkout") == on);
    }
}

fn a_link_that_dangles(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    symlink("later/real.toml", folder.flags()).expect("linked");
    let guard = start(&folder.flags());
    assert_eq!(status(&guard).state, SourceState::Waiting);
    fs::create_dir(folder.path("later")).expect("made");
    fs::write(folder.path("later/real.toml"), document("checkout", true)).expect("written");
    wait_until("the target is seen", || is_on(&guard, "checkout"));
    fs::remove_file(folder.path("later/real.toml")).expect("removed");
    wait_for_state(&guard, SourceState::Stale);
    assert!(is_on(&guard, "checkout"));
    fs::write(folder.path("later/real.toml"), document("checkout", false)).expect("written");
    wait_until("the next target is seen", || !is_on(&guard, "checkout"));
}

fn links_in_a_circle(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let guard = start(&folder.flags());
    fs::remove_file(folder.flags()).expect("removed");
    symlink("b", folder.path("a")).expect("linked");
    symlink("a", folder.path("b")).expect("linked");
    symlink("a", folder.flags()).expect("linked");
    let is_reported = || last_error(&guard).is_some_and(|error| error.contains("links"));
    wait_until("the circle is in the status", is_reported);
    assert!(is_on(&guard, "checkout"));
    // A link in the middle of the path is repaired.
    fs::write(folder.path("real"), document("checkout", false)).expect("written");
    symlink("real", folder.path("c")).expect("linked");
    fs::rename(folder.path("c"), folder.path("b")).expect("moved");
    wait_until("the way out is seen", || !is_on(&guard, "checkout"));
}

/// A file occupies the path of the directory.
fn below_a_file(start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    let path = folder.path("etc/flags.toml");
    fs::write(folder.path("etc"), "in the way").expect("written");
    let guard = start(&path);
    assert_eq!(status(&guard).state, SourceState::Waiting);
    fs::remove_file(folder.path("etc")).expect("removed");
    fs::create_dir(folder.path("etc")).expect("made");
    fs::write(&path, document("checkout", true)).expect("written");
    wait_until("the file is seen", || is_on(&guard, "checkout"));
}

macro_rules! both {
    ($($name:ident)+) => {
        mod by_events {
            use crate::support::start;
            use super::*;
            $(#[test]
            fn $name() {
                super::$name(|path| start(File::new(path)));
            })+
        }

        mod by_polling_only {
            use super::*;
            $(#[test]
            fn $name() {
                super::$name(|path| crate::support::poll(path, Duration::from_millis(20)));
            })+
        }
    };
}

both! { step_by_step all_in_one_step gone_and_back a_link_that_dangles links_in_a_circle below_a_file }
