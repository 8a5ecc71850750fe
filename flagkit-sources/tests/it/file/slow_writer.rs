//! The source waits for a writer that pauses for a quarter of a second with the file open, wherever the path leads.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{self, TestDir, is_on, pause, wait_until};
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

/// Rewrites the file in two pieces. The first is a valid document with most of the flags.
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
    // The watch begins shortly after the start. Only the poll detects a write before that.
    fs::write(file, text(99)).expect("written");
    wait_until("the watch is at work", || is_on(guard, "round-99"));
    for round in 1..=5 {
        let paused = rewrite_slowly(file, &text(round));
        // A busy machine may stretch the pause beyond the time that the source waits.
        if paused < Duration::from_millis(450) {
            assert!(!torn.load(std::sync::atomic::Ordering::SeqCst), "half a document in round {round}");
        }
        wait_until(&format!("round {round} is seen"), || is_on(guard, &format!("round-{round}")));
        torn.store(false, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn the_file_itself() {
    let folder = TestDir::new();
    folder.write(text(0));
    let guard = support::follow(&folder.flags());
    check(&guard, &folder.flags());
}

#[test]
fn the_target_of_a_link() {
    let folder = TestDir::new();
    fs::create_dir(folder.path("real")).expect("made");
    fs::write(folder.path("real/v1.toml"), text(0)).expect("written");
    symlink("real/v1.toml", folder.flags()).expect("linked");
    let guard = support::follow(&folder.flags());
    check(&guard, &folder.path("real/v1.toml"));
}

/// The link points to another file of the same directory than when the source started.
#[test]
fn the_new_target_of_a_link_in_one_directory() {
    let folder = TestDir::new();
    fs::write(folder.path("v1.toml"), text(0)).expect("written");
    fs::write(folder.path("v2.toml"), text(100)).expect("written");
    symlink("v1.toml", folder.flags()).expect("linked");
    let guard = support::follow(&folder.flags());
    symlink("v2.toml", folder.path("next")).expect("linked");
    fs::rename(folder.path("next"), folder.flags()).expect("moved");
    wait_until("the new target is seen", || is_on(&guard, "round-100"));
    check(&guard, &folder.path("v2.toml"));
}

/// The path spells the directory differently from the events.
#[test]
fn a_path_with_dots() {
    let folder = TestDir::new();
    fs::create_dir(folder.path("etc")).expect("made");
    folder.write(text(0));
    let guard = support::follow(&folder.path("etc/.././flags.toml"));
    check(&guard, &folder.flags());
}
