//! A path that leads through directories and links that are not there yet, or no longer, is followed when they come.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::support::{Place, document, is_on, last_error, pause, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{File, Guard};

fn step_by_step(start: fn(&Path) -> Guard) {
    let place = Place::new();
    let path = place.path("etc/shop/live/flags.toml");
    let guard = start(&path);
    assert_eq!(status(&guard).state, SourceState::Waiting);
    for dir in ["etc", "etc/shop", "etc/shop/live"] {
        fs::create_dir(place.path(dir)).expect("made");
        pause(Duration::from_millis(80));
        assert_eq!(status(&guard).state, SourceState::Waiting);
    }
    fs::write(&path, document("checkout", true)).expect("written");
    wait_until("the file is seen", || is_on(&guard, "checkout"));
    fs::write(&path, document("checkout", false)).expect("written");
    wait_until("the second text is seen", || !is_on(&guard, "checkout"));
}

fn at_once(start: fn(&Path) -> Guard) {
    for round in 0..10 {
        let place = Place::new();
        let path = place.path("etc/shop/live/flags.toml");
        let guard = start(&path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, document("checkout", true)).expect("written");
        wait_until(&format!("the file of round {round} is seen"), || is_on(&guard, "checkout"));
    }
}

/// The whole tree goes and comes back, as when a volume is mounted anew.
fn gone_and_back(start: fn(&Path) -> Guard) {
    let place = Place::new();
    let path = place.path("etc/shop/flags.toml");
    let create = |on| {
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, document("checkout", on)).expect("written");
    };
    create(false);
    let guard = start(&path);
    for round in 1..=6 {
        let on = round % 2 == 1;
        fs::remove_dir_all(place.path("etc")).expect("removed");
        wait_for_state(&guard, SourceState::Stale);
        create(on);
        wait_until(&format!("round {round} is seen"), || is_on(&guard, "checkout") == on);
    }
}

fn a_link_that_dangles(start: fn(&Path) -> Guard) {
    let place = Place::new();
    symlink("later/real.toml", place.flags()).expect("linked");
    let guard = start(&place.flags());
    assert_eq!(status(&guard).state, SourceState::Waiting);
    fs::create_dir(place.path("later")).expect("made");
    fs::write(place.path("later/real.toml"), document("checkout", true)).expect("written");
    wait_until("the target is seen", || is_on(&guard, "checkout"));
    fs::remove_file(place.path("later/real.toml")).expect("removed");
    wait_for_state(&guard, SourceState::Stale);
    assert!(is_on(&guard, "checkout"));
    fs::write(place.path("later/real.toml"), document("checkout", false)).expect("written");
    wait_until("the next target is seen", || !is_on(&guard, "checkout"));
}

fn links_in_a_circle(start: fn(&Path) -> Guard) {
    let place = Place::new();
    place.write(document("checkout", true));
    let guard = start(&place.flags());
    fs::remove_file(place.flags()).expect("removed");
    symlink("b", place.path("a")).expect("linked");
    symlink("a", place.path("b")).expect("linked");
    symlink("a", place.flags()).expect("linked");
    let is_told = || last_error(&guard).is_some_and(|error| error.contains("links"));
    wait_until("the circle is in the status", is_told);
    assert!(is_on(&guard, "checkout"));
    // Mended somewhere in the middle.
    fs::write(place.path("real"), document("checkout", false)).expect("written");
    symlink("real", place.path("c")).expect("linked");
    fs::rename(place.path("c"), place.path("b")).expect("moved");
    wait_until("the way out is seen", || !is_on(&guard, "checkout"));
}

/// A file where the directory should be.
fn below_a_file(start: fn(&Path) -> Guard) {
    let place = Place::new();
    let path = place.path("etc/flags.toml");
    fs::write(place.path("etc"), "in the way").expect("written");
    let guard = start(&path);
    assert_eq!(status(&guard).state, SourceState::Waiting);
    fs::remove_file(place.path("etc")).expect("removed");
    fs::create_dir(place.path("etc")).expect("made");
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

        mod by_the_poll_alone {
            use super::*;
            $(#[test]
            fn $name() {
                super::$name(|path| crate::support::poll(path, Duration::from_millis(20)));
            })+
        }
    };
}

both! { step_by_step at_once gone_and_back a_link_that_dangles links_in_a_circle below_a_file }
