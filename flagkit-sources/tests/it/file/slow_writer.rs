//! A writer that pauses for a quarter of a second with the file open is waited for, wherever the path leads to.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{self, Place, is_on, pause, wait_until};
use flagkit_sources::Guard;

const FLAGS: usize = 40;

fn text(round: usize) -> String {
    let mut text = String::from("[flags]\n");
    for n in 0..FLAGS {
        writeln!(text, "flag-{n} = true").expect("written");
    }
    writeln!(text, "round-{round} = true").expect("written");
    text
}

/// Rewrites the file in two pieces, the first of which is a document of its own with most of the flags.
fn rewrite_slowly(file: &Path, text: &str) -> Duration {
    let half = text.lines().take(30).map(|line| line.len() + 1).sum();
    let (first, second) = text.split_at(half);
    let mut file = fs::File::create(file).expect("truncated");
    file.write_all(first.as_bytes()).expect("written");
    let begin = Instant::now();
    pause(Duration::from_millis(250));
    file.write_all(second.as_bytes()).expect("written");
    begin.elapsed()
}

fn check(guard: &Guard, file: &Path) {
    let torn = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let _subscription = guard.flags().subscribe({
        let (torn, flags) = (torn.clone(), guard.flags().clone());
        move |_| {
            if !flags.is_on("flag-39", &()) {
                torn.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    // The watch begins a moment after the start: a write before that is judged by the poll.
    fs::write(file, text(99)).expect("written");
    wait_until("the watch is at work", || is_on(guard, "round-99"));
    for round in 1..=5 {
        let paused = rewrite_slowly(file, &text(round));
        // A machine that is busy elsewhere makes the pause longer than anybody would wait.
        if paused < Duration::from_millis(450) {
            assert!(!torn.load(std::sync::atomic::Ordering::SeqCst), "half a document in round {round}");
        }
        wait_until(&format!("round {round} is seen"), || is_on(guard, &format!("round-{round}")));
        torn.store(false, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn the_file_itself() {
    let place = Place::new();
    place.write(text(0));
    let guard = support::follow(&place.flags());
    check(&guard, &place.flags());
}

#[test]
fn the_target_of_a_link() {
    let place = Place::new();
    fs::create_dir(place.path("real")).expect("made");
    fs::write(place.path("real/v1.toml"), text(0)).expect("written");
    symlink("real/v1.toml", place.flags()).expect("linked");
    let guard = support::follow(&place.flags());
    check(&guard, &place.path("real/v1.toml"));
}

/// The link leads to another file of the same directory than it did when it was first followed.
#[test]
fn the_new_target_of_a_link_in_one_directory() {
    let place = Place::new();
    fs::write(place.path("v1.toml"), text(0)).expect("written");
    fs::write(place.path("v2.toml"), text(100)).expect("written");
    symlink("v1.toml", place.flags()).expect("linked");
    let guard = support::follow(&place.flags());
    symlink("v2.toml", place.path("next")).expect("linked");
    fs::rename(place.path("next"), place.flags()).expect("moved");
    wait_until("the new target is seen", || is_on(&guard, "round-100"));
    check(&guard, &place.path("v2.toml"));
}

/// The directory of the working copy, spelled in a way that is not how events spell it.
#[test]
fn a_path_with_dots() {
    let place = Place::new();
    fs::create_dir(place.path("etc")).expect("made");
    place.write(text(0));
    let guard = support::follow(&place.path("etc/.././flags.toml"));
    check(&guard, &place.flags());
}
