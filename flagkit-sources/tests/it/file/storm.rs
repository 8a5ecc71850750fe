//! A file replaced a thousand times a second is taken in now and then, and the newest content wins. Thousands of other
//! files in the same directory disturb nothing.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{self, Changes, Place, document, is_on, pause, runs_alone, status, wait_until};
use flagkit_sources::Guard;

fn text(n: u32) -> String {
    format!("[flags]\n[flags.count]\non = true\nsalt = \"{n}\"\n")
}

fn newest(guard: &Guard) -> Option<u32> {
    guard.flags().snapshot().flag("count")?.salt()?.parse().ok()
}

fn storm(least: f64, start: fn(&std::path::Path) -> Guard) {
    let place = Place::new();
    place.write(text(0));
    let guard = start(&place.flags());
    let changes = Changes::of(&guard);
    let begin = Instant::now();
    let mut n = 0;
    let mut last_seen = 0;
    while begin.elapsed() < Duration::from_secs(3) {
        n += 1;
        place.replace(text(n));
        let seen = newest(&guard).expect("a number");
        assert!(seen >= last_seen, "{seen} after {last_seen}");
        last_seen = seen;
        pause(Duration::from_micros(900));
    }
    wait_until("the newest is in force", || newest(&guard) == Some(n));
    let most = begin.elapsed().as_secs_f64() * 21.0;
    println!("{n} files, {} changes in {:?}", changes.count(), begin.elapsed());
    // The mean of a long while: a pace that is kept between any two cannot be beaten by a slow machine.
    #[allow(clippy::cast_precision_loss)]
    let changes = changes.count() as f64;
    assert!((least..=most).contains(&changes), "{changes} changes");
}

#[test]
fn by_events() {
    storm(2.0, support::follow);
}

/// Without events there is no telling a rename from a rewrite: what never stays the same counts when it pauses.
#[test]
fn by_the_poll_alone() {
    storm(1.0, |path| support::poll(path, Duration::from_millis(10)));
}

#[test]
fn junk_beside_the_file() {
    if !runs_alone(module_path!(), "junk_beside_the_file") {
        return;
    }
    let place = Place::new();
    place.write(document("checkout", false));
    let guard = support::follow(&place.flags());
    let changes = Changes::of(&guard);
    let before = status(&guard);
    thread::scope(|scope| {
        for writer in 0..2 {
            let place = &place;
            scope.spawn(move || {
                for n in 0..3_000 {
                    let junk = place.path(&format!("junk-{writer}-{n}.toml"));
                    fs::write(&junk, "[flags]\ncheckout = true\n").expect("written");
                    if n % 2 == 0 {
                        fs::remove_file(junk).expect("removed");
                    }
                }
            });
        }
    });
    assert_eq!((changes.count(), is_on(&guard, "checkout")), (0, false));
    let after = status(&guard);
    assert_eq!((after.loads, after.refusals), (before.loads, before.refusals));
    place.replace(document("checkout", true));
    wait_until("the change is seen among the junk", || is_on(&guard, "checkout"));
    assert_eq!(changes.count(), 1);
}

/// So many events that the queue of the system overflows while the storm lasts: nothing of the file is lost.
#[test]
fn junk_while_the_file_changes() {
    if !runs_alone(module_path!(), "junk_while_the_file_changes") {
        return;
    }
    let place = Place::new();
    place.write(text(0));
    let guard = support::follow(&place.flags());
    thread::scope(|scope| {
        let place = &place;
        let junk = scope.spawn(move || {
            for n in 0..20_000 {
                fs::write(place.path(&format!("junk-{}", n % 50)), "x").expect("written");
            }
        });
        let mut n = 0;
        while !junk.is_finished() {
            n += 1;
            place.replace(text(n));
            wait_until("the change is seen among the junk", || newest(&guard) == Some(n));
        }
        println!("{n} changes seen");
        assert!(n > 3);
    });
}

/// Stopping has to be heard above the noise, at whatever moment of the start it comes.
#[test]
fn a_guard_dropped_in_a_storm() {
    if !runs_alone(module_path!(), "a_guard_dropped_in_a_storm") {
        return;
    }
    let place = Place::new();
    place.write(document("checkout", true));
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0_u32;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                n = n.wrapping_add(1);
                fs::write(place.path(&format!("junk-{}", n % 50)), "x").expect("written");
            }
        });
        for n in 0..50 {
            let guard = support::follow(&place.flags());
            assert!(is_on(&guard, "checkout"));
            pause(Duration::from_micros(n * 100));
            let begin = Instant::now();
            drop(guard);
            // The grace for a source that does not stop is a second; none is to need it.
            assert!(begin.elapsed() < Duration::from_secs(1), "the drop took {:?}", begin.elapsed());
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
