//! A file that is deleted and created again, with gaps short and long: no evaluation ever sees the default.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{self, Place, Random, is_on, pause, status, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::Guard;

/// One flag is always on; the other tells the rounds apart.
fn text(round: u64) -> String {
    format!("[flags]\nalways = true\nround-{round} = true\n")
}

fn check(start: impl FnOnce(&Path) -> Guard) {
    let place = Place::new();
    place.write(text(0));
    let guard = start(&place.flags());
    let flags = guard.flags();
    let (done, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        if !flags.is_on("always", &()) {
                            return false;
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                    }
                    true
                })
            })
            .collect();
        let mut random = Random::new(4);
        let mut was_missed = 0;
        for round in 1..=30 {
            fs::remove_file(place.flags()).expect("removed");
            // As short as a script needs, as long as a slow deployment does.
            pause(Duration::from_millis([10, 30, 100, 300, 700][usize::try_from(random.below(5)).expect("small")]));
            was_missed += u32::from(status(&guard).state == SourceState::Stale);
            fs::write(place.flags(), text(round)).expect("written");
            wait_until(&format!("round {round} is seen"), || is_on(&guard, &format!("round-{round}")));
        }
        done.store(true, Ordering::Relaxed);
        assert!(was_missed > 0, "the long gaps are noticed");
        assert!(readers.into_iter().all(|reader| reader.join().expect("no reader panics")), "a flag went dark");
    });
    assert!(asked.load(Ordering::Relaxed) > 1_000);
    assert_eq!(status(&guard).state, SourceState::Fresh);
}

#[test]
fn by_events() {
    check(support::follow);
}

#[test]
fn by_the_poll_alone() {
    check(|path| support::poll(path, Duration::from_millis(20)));
}

/// Deleted for good, the flags stay for as long as the process lives.
#[test]
fn for_good() {
    let place = Place::new();
    place.write(text(0));
    let guard = support::follow(&place.flags());
    fs::remove_file(place.flags()).expect("removed");
    support::wait_for_state(&guard, SourceState::Stale);
    assert!(support::last_error(&guard).expect("an error").contains("no such file"));
    support::holds_for(Duration::from_secs(2), "the flag is on", || is_on(&guard, "always"));
}
