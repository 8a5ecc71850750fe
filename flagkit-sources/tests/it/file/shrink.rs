//! A document that drops most flags may be half written, so it is held back before it is accepted. An invalid flag
//! keeps its last valid definition over any number of reloads, and is dark without one. The other flags follow the
//! file.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::{self, Changes, TestDir, is_on, status, wait_until};
use flagkit_core::Reason;
use flagkit_core::source::Problem;
use flagkit_core::tooling::SourceState;
use flagkit_sources::Guard;

/// A little less than the time for which a document that drops most flags is held back.
const HOLD: Duration = Duration::from_millis(1_900);

fn numbered(count: usize, more: &str) -> String {
    let mut text = String::from("[flags]\n");
    for n in 0..count {
        writeln!(text, "flag-{n} = true").expect("written");
    }
    text + more
}

#[test]
fn most_flags_gone() {
    for by_rename in [false, true] {
        let folder = TestDir::new();
        let write = |text: String| if by_rename { folder.replace(text) } else { folder.write(text) };
        write(numbered(20, ""));
        let guard = support::follow(&folder.flags());
        assert_eq!(status(&guard).flags, 20);
        // Half of the flags may disappear at once.
        write(numbered(10, "half = true\n"));
        wait_until("half of them are dropped", || is_on(&guard, "half"));
        assert_eq!(status(&guard).flags, 11);

        let changes = Changes::of(&guard);
        let begin = Instant::now();
        write(numbered(5, "most = true\n"));
        wait_until("most of them are dropped", || {
            let snapshot = guard.flags().snapshot();
            let is_accepted = snapshot.is_on("most", &());
            // The time starts before the write, so a slow machine only lengthens it.
            assert!(!is_accepted || begin.elapsed() >= HOLD, "after {:?}", begin.elapsed());
            assert_ne!(is_accepted, snapshot.is_on("flag-9", &()));
            is_accepted
        });
        assert_eq!(status(&guard).flags, 6);
        // Subscribers are called after the swap.
        wait_until("the change", || changes.count() == 1);
    }
}

/// Repeats a case until it was in time: a busy machine may delay this thread until the document is no longer held.
///
/// The case gets a directory with a file of 20 flags, and the guard that follows it. It returns when it wrote the first
/// document, and when it wrote the second one.
fn in_time(case: impl Fn(&TestDir, &Guard) -> Instant, rest: impl Fn(&TestDir, &Guard, &Changes)) {
    let begin = Instant::now();
    loop {
        let folder = TestDir::new();
        folder.write(numbered(20, ""));
        let guard = support::follow(&folder.flags());
        let changes = Changes::of(&guard);
        let written = case(&folder, &guard);
        if written.elapsed() < HOLD {
            return rest(&folder, &guard, &changes);
        }
        assert!(begin.elapsed() < support::DEADLINE, "this thread is never in time");
    }
}

/// Waits until the file's document is held back. Its drop of flags is then the last error.
fn wait_for_hold(guard: &Guard) {
    wait_until("it is held, or accepted too late", || {
        support::last_error(guard).is_some_and(|error| error.contains("drops")) || !is_on(guard, "flag-19")
    });
}

/// The writer has written half, and the rest follows in time: no reader ever gets the half.
#[test]
fn most_flags_gone_and_back() {
    let case = |folder: &TestDir, guard: &Guard| {
        let begin = Instant::now();
        folder.write(numbered(3, ""));
        wait_for_hold(guard);
        folder.write(numbered(20, "more = true\n"));
        begin
    };
    in_time(case, |_, guard, changes| {
        wait_until("the whole document is published", || {
            let snapshot = guard.flags().snapshot();
            assert!(snapshot.is_on("flag-19", &()), "half of it was published");
            snapshot.is_on("more", &())
        });
        support::holds_for(Duration::from_secs(2), "all flags are on", || is_on(guard, "flag-19"));
        wait_until("the change", || changes.count() == 1);
    });
}

/// A newer document replaces the one that is held, with a time of its own.
#[test]
fn a_held_document_is_discarded_when_another_replaces_it() {
    let case = |folder: &TestDir, guard: &Guard| {
        let begin = Instant::now();
        folder.write(numbered(3, "first = true\n"));
        wait_for_hold(guard);
        folder.write(numbered(3, "second = true\n"));
        begin
    };
    in_time(case, |_, guard, changes| {
        let begin = Instant::now();
        wait_until("the second is published", || {
            let snapshot = guard.flags().snapshot();
            assert!(!snapshot.is_on("first", &()));
            snapshot.is_on("second", &())
        });
        assert!(begin.elapsed() + HOLD / 10 >= HOLD, "it is held for a time of its own, not {:?}", begin.elapsed());
        wait_until("the change", || changes.count() == 1);
    });
}

/// A document without flags is valid, but it is the last that should be accepted early.
#[test]
fn no_flags_on_purpose() {
    let folder = TestDir::new();
    folder.write(numbered(2, ""));
    let guard = support::follow(&folder.flags());
    let begin = Instant::now();
    folder.write("[flags]\n");
    wait_until("there are none", || !is_on(&guard, "flag-0"));
    assert!(begin.elapsed() >= HOLD, "after {:?}", begin.elapsed());
    assert_eq!((status(&guard).flags, status(&guard).state), (0, SourceState::Fresh));
}

/// A document that declares its length and is shorter is reported as invalid; it is not held back.
#[test]
fn a_counted_document_that_is_too_short_is_rejected() {
    let folder = TestDir::new();
    let counted = |text: &str| format!("[meta]\nflags = 20\n{text}");
    folder.write(counted(&numbered(20, "")));
    let guard = support::follow(&folder.flags());
    folder.write(counted(&numbered(19, "")));
    support::wait_for_state(&guard, SourceState::Stale);
    let error = support::last_error(&guard).expect("an error");
    assert!(error.contains("19 flags") && error.contains("20 flags") && error.contains("2:9"), "{error}");
    assert!(is_on(&guard, "flag-19"));
}

#[test]
fn an_invalid_flag_keeps_its_last_good_definition() {
    let folder = TestDir::new();
    let text = |old: &str, new: &str, other: bool| format!("[flags]\nold = {old}\n{new}\nother = {other}\n");
    folder.write(text("true", "", false));
    let guard = support::follow(&folder.flags());
    for round in 0..5 {
        let other = round % 2 == 0;
        // The flag is invalid in another way each time, and `fresh` never had a valid definition.
        folder.replace(text(&format!("{}", 50 + round), "fresh = 1", other));
        wait_until("the others follow", || is_on(&guard, "other") == other);
        assert!(is_on(&guard, "old"), "round {round}");
        assert_eq!(guard.flags().evaluate("old", &()).reason(), Reason::On);
        assert!(!is_on(&guard, "fresh"));
        assert_eq!(guard.flags().evaluate("fresh", &()).reason(), Reason::Invalid);
        let status = status(&guard);
        assert_eq!((status.state, status.problems.len()), (SourceState::Fresh, 2));
        let is_told = |problem: &Problem| problem.to_string().contains("2:7: flags.old");
        assert!(status.problems.iter().any(is_told), "{:?}", status.problems);
    }
    folder.replace(text("false", "fresh = true", false));
    wait_until("the repaired file is followed again", || is_on(&guard, "fresh") && !is_on(&guard, "old"));
    assert!(status(&guard).problems.is_empty());
    // A removed flag is gone; only an invalid flag keeps its last valid definition.
    folder.replace("[flags]\nfresh = true\nother = true\n");
    wait_until("it is undeclared", || guard.flags().evaluate("old", &()).reason() == Reason::NotFound);
    folder.replace("[flags]\nold = 7\nfresh = true\nother = false\n");
    wait_until("it is invalid", || guard.flags().evaluate("old", &()).reason() == Reason::Invalid);
}
