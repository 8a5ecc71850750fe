//! A file is deleted and created again, with short and long gaps. No evaluation ever returns the default.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{self, Random, TestDir, is_on, pause, status, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::Guard;

/// One flag is always on; the other one identifies the round.
fn text(round: u64) -> String {
    format!("[flags]\nalways = true\nround-{round} = true\n")
}

fn check(start: impl FnOnce(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(0));
    let guard = start(&folder.flags());
    let flags = guard.flags();
    let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        if !flags.is_on("always", &()) {
                            return false;
                        }
                        reads.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                    }
                    true
                })
            })
            .collect();
        let mut random = Random::new(4);
        for round in 1..=30 {
            fs::remove_file(folder.flags()).expect("removed");
            // The gaps range from that of a script to that of a slow deployment, which the source detects.
            match random.below(5) {
                4 => support::wait_for_state(&guard, SourceState::Stale),
                shorter => {
                    pause(Duration::from_millis([10, 30, 100, 300][usize::try_from(shorter).expect("small")]));
                }
            }
            fs::write(folder.flags(), text(round)).expect("written");
            wait_until(&format!("round {round} is seen"), || is_on(&guard, &format!("round-{round}")));
        }
        wait_until("many reads", || reads.load(Ordering::Relaxed) > 1_000);
        done.store(true, Ordering::Relaxed);
        assert!(readers.into_iter().all(|reader| reader.join().expect("no reader panics")), "a flag went dark");
    });
    assert_eq!(status(&guard).state, SourceState::Fresh);
}

#[test]
fn by_events() {
    check(support::follow);
}

#[test]
fn by_polling_only() {
    check(|path| support::poll(path, Duration::from_millis(20)));
}

/// After the file is deleted for good, the flags stay for as long as the process runs.
#[test]
fn for_good() {
    let folder = TestDir::new();
    folder.write(text(0));
    let guard = support::follow(&folder.flags());
    fs::remove_file(folder.flags()).expect("removed");
    support::wait_for_state(&guard, SourceState::Stale);
    assert!(support::last_error(&guard).expect("an error").contains("no such file"));
    support::holds_for(Duration::from_secs(2), "the flag is on", || is_on(&guard, "always"));
}
