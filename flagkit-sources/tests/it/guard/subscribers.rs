//! A subscriber may panic, read flags, read the status, or drop the guard under which it was called. Nothing hangs, and
//! the reloads continue as long as the guard exists.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::support::{self, TestDir, document, is_on, wait_until};
use flagkit_core::Event;
use flagkit_sources::{Builder, Env, File, Guard};

type Shared = Arc<Mutex<Option<Guard>>>;

#[test]
fn it_panics() {
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = support::follow(&folder.flags());
    let _subscription = guard.flags().subscribe(|_| panic!("on purpose"));
    let (sender, changes) = mpsc::channel();
    let _other = guard.flags().subscribe(move |event| {
        if let Event::Changed(_) = event {
            let _ = sender.send(());
        }
    });
    for n in 1..=5 {
        let on = n % 2 == 1;
        folder.replace(document("checkout", on));
        wait_until(&format!("change {n} is seen"), || is_on(&guard, "checkout") == on);
        changes.recv_timeout(support::DEADLINE).expect("the other subscribers receive it");
    }
    wait_until("all panics are counted", || guard.flags().status().subscriber_panics == 5);
}

#[test]
fn it_reads_flags_and_the_status() {
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = support::follow(&folder.flags());
    let (sender, seen) = mpsc::channel();
    let flags = guard.flags().clone();
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::Changed(change) = event {
            let snapshot = flags.snapshot();
            assert!(flags.status().revision >= change.revision);
            // Another subscription from within, dropped at once.
            drop(flags.subscribe(|_| {}));
            let _ = sender.send((snapshot.revision() >= change.revision, flags.is_on("checkout", &())));
        }
    });
    for on in [true, false, true] {
        folder.replace(document("checkout", on));
        assert_eq!(seen.recv_timeout(support::DEADLINE).expect("a message"), (true, on));
    }
    assert_eq!(guard.flags().status().subscriber_panics, 0);
}

#[test]
fn it_drops_the_guard() {
    for round in 0..20 {
        let folder = TestDir::new();
        folder.write(document("checkout", false));
        std::fs::write(folder.path("other.toml"), document("other", false)).expect("written");
        let guard = Builder::new()
            .source(File::new(folder.flags()))
            .source(File::new(folder.path("other.toml")))
            .source(Env::from_vars("FLAG_", []))
            .start()
            .expect("starts");
        let flags = guard.flags().clone();
        let shared: Shared = Arc::new(Mutex::new(None));
        let (sender, dropped) = mpsc::channel();
        let subscription = flags.subscribe({
            let shared = Arc::clone(&shared);
            move |_| {
                let guard = shared.lock().expect("no panic").take();
                let had_one = guard.is_some();
                drop(guard);
                let _ = sender.send(had_one);
            }
        });
        *shared.lock().expect("no panic") = Some(guard);
        folder.replace(document("checkout", true));
        let had_one = dropped.recv_timeout(support::DEADLINE).unwrap_or_else(|_| panic!("round {round} hangs"));
        assert!(had_one);
        assert!(flags.is_on("checkout", &()));
        // No source follows the files any more.
        folder.replace(document("checkout", false));
        std::fs::write(folder.path("other.toml"), document("other", true)).expect("written");
        let quiet = Duration::from_millis(if round == 0 { 500 } else { 20 });
        support::holds_for(quiet, "the flags stay", || flags.is_on("checkout", &()) && !flags.is_on("other", &()));
        drop(subscription);
    }
}

/// Each guard's subscriber drops the other guard, on its own thread, at the same time.
#[test]
fn two_subscribers_drop_the_guards_of_each_other() {
    for round in 0..10 {
        let folders = [TestDir::new(), TestDir::new()];
        let guards = folders.each_ref().map(|folder| {
            folder.write(document("checkout", false));
            support::follow(&folder.flags())
        });
        let flags = guards.each_ref().map(|guard| guard.flags().clone());
        let shared: [Shared; 2] = guards.map(|guard| Arc::new(Mutex::new(Some(guard))));
        let (sender, dropped) = mpsc::channel();
        for n in 0..2 {
            let (shared, sender) = (Arc::clone(&shared[1 - n]), sender.clone());
            let subscriber = move |_: &Event| {
                drop(shared.lock().expect("no panic").take());
                let _ = sender.send(n);
            };
            flags[n].subscribe(subscriber).forget();
        }
        for folder in &folders {
            folder.replace(document("checkout", true));
        }
        // The guard that stops first may never call its subscriber; the other one does.
        dropped.recv_timeout(support::DEADLINE).unwrap_or_else(|_| panic!("round {round} hangs"));
        let (done, waited) = mpsc::channel();
        std::thread::spawn(move || {
            drop(shared);
            let _ = done.send(());
        });
        waited.recv_timeout(support::DEADLINE).unwrap_or_else(|_| panic!("the drop of round {round} hangs"));
    }
}

/// The handle outlives the guard and keeps the last flags.
#[test]
fn a_handle_outlives_the_guard() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let guard = support::follow(&folder.flags());
    let flags = guard.flags().clone();
    drop(guard);
    folder.replace(document("checkout", false));
    support::holds_for(Duration::from_millis(500), "the flags stay", || flags.is_on("checkout", &()));
}
