//! Fifty saves in each of several styles cause exactly fifty changes. Touching the file, changing its mode, reading it,
//! or writing the same content causes none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{self, Changes, TestDir, is_on, pause, status, wait_until};
use flagkit_sources::Guard;

const SAVES: usize = 50;

/// Half of the shortest time for which the source waits without an event.
///
/// Most styles leave the file empty or missing for a moment. A program that is stopped there for longer than the source
/// waits has, for any reader, saved an empty file.
const MAX_STOP: Duration = Duration::from_millis(75);

fn text(n: usize) -> String {
    format!("[flags]\nalways = true\nodd = {}\n[flags.a]\non = true\nrollout = {n}\n", n % 2 == 1)
}

/// Saves the text the way a certain program does.
type Style = fn(&Path, &str);

fn in_place(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}

/// Like `sed -i`, the safe write of IDEs, and most deployment tools.
fn by_rename(path: &Path, text: &str) {
    let new = path.with_extension("tmp");
    fs::write(&new, text).expect("written");
    fs::rename(new, path).expect("moved");
}

fn vim(path: &Path, text: &str) {
    let backup = path.with_extension("toml~");
    fs::rename(path, &backup).expect("moved away");
    fs::write(path, text).expect("written");
    fs::remove_file(backup).expect("removed");
}

/// Keeps a copy, writes in place, and restores the mode. This causes several events for one content.
fn emacs(path: &Path, text: &str) {
    fs::copy(path, path.with_extension("toml~")).expect("copied");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("set");
}

fn deleted_first(path: &Path, text: &str) {
    fs::remove_file(path).expect("removed");
    fs::write(path, text).expect("written");
}

/// Writes the same bytes twice in a row.
fn twice(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::write(path, text).expect("written");
}

fn check(style: Style, start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    let path = folder.flags();
    folder.write(text(0));
    let guard = start(&path);
    let changes = Changes::of(&guard);
    let mut slowest = Duration::ZERO;
    for n in 1..=SAVES {
        let begin = Instant::now();
        style(&path, &text(n));
        slowest = slowest.max(begin.elapsed());
        let is_published = || {
            let snapshot = guard.flags().snapshot();
            snapshot.flag("a").is_some_and(|flag| flag.rollout().to_string() == format!("{n}%"))
        };
        wait_until(&format!("save {n} is published"), is_published);
    }
    // Subscribers are called after the swap.
    wait_until("a change for each save", || changes.count() >= SAVES);
    // A surplus change would arrive within this time.
    support::holds_for(Duration::from_millis(400), "one change for each save", || changes.count() == SAVES);
    let (now, expected) = (status(&guard), 1 + SAVES as u64);
    if slowest < MAX_STOP {
        assert_eq!(now.loads, expected);
    } else {
        // Each failed load of an empty file may be followed by another load of the content before or after it.
        assert!((expected..=expected + now.failures).contains(&now.loads), "{now:?}");
    }
}

macro_rules! styles {
    ($($style:ident)+) => {
        mod by_events {
            $(#[test]
            fn $style() {
                super::check(super::$style, crate::support::follow);
            })+
        }

        mod by_polling_only {
            $(#[test]
            fn $style() {
                super::check(super::$style, |path| crate::support::poll(path, std::time::Duration::from_millis(20)));
            })+
        }
    };
}

styles! { in_place by_rename vim emacs deleted_first twice }

fn nothing_happens(start: fn(&Path) -> Guard, act: fn(&Path)) {
    let folder = TestDir::new();
    let path = folder.flags();
    folder.write(text(1));
    let guard = start(&path);
    let changes = Changes::of(&guard);
    let before = status(&guard);
    for _ in 0..10 {
        act(&path);
        pause(Duration::from_millis(40));
    }
    support::holds_for(Duration::from_millis(500), "nothing is published", || changes.count() == 0);
    let after = status(&guard);
    assert_eq!((after.loads, after.failures), (before.loads, before.failures));
    // The source still follows the file.
    folder.write(text(2));
    wait_until("a change is seen", || !is_on(&guard, "odd"));
}

macro_rules! not_a_change {
    ($($name:ident: $act:expr;)+) => {
        mod no_change_by_events {
            #[allow(clippy::wildcard_imports)]
            use super::*;
            $(#[test]
            fn $name() {
                nothing_happens(crate::support::follow, $act);
            })+
        }

        mod no_change_by_polling_only {
            #[allow(clippy::wildcard_imports)]
            use super::*;
            $(#[test]
            fn $name() {
                nothing_happens(|path| crate::support::poll(path, Duration::from_millis(20)), $act);
            })+
        }
    };
}

not_a_change! {
    other_line_ends: |path| {
        let text = fs::read_to_string(path).expect("read");
        let is_crlf = text.contains('\r');
        by_rename(path, &if is_crlf { text.replace('\r', "") } else { text.replace('\n', "\r\n") });
    };
    touch: |path| {
        fs::File::options().write(true).open(path).and_then(|file| file.set_modified(SystemTime::now())).expect("set");
    };
    chmod: |path| {
        let mode = fs::metadata(path).expect("there").permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode ^ 0o044)).expect("set");
    };
    read: |path| drop(fs::read(path).expect("read"));
    the_same_bytes_in_place: |path| support::rewrite_at_once(path, &text(1));
    the_same_bytes_by_rename: |path| by_rename(path, &text(1));
    a_hard_link: |path| {
        let link = path.with_extension("link");
        let _ = fs::remove_file(&link);
        fs::hard_link(path, link).expect("linked");
    };
}

/// A different comment and a different order: the content differs, the flags do not.
#[test]
fn another_content_with_the_same_flags_is_loaded_and_changes_nothing() {
    let folder = TestDir::new();
    folder.write("[flags]\na = true\nb = false\n");
    let guard = support::follow(&folder.flags());
    let changes = Changes::of(&guard);
    folder.write("# tidied up\n[flags]\nb = false\na = true\n");
    wait_until("it is loaded", || status(&guard).loads == 2);
    support::holds_for(Duration::from_millis(300), "nothing is published", || changes.count() == 0);
}
