//! A document that drops most flags may be half written, so it is held back before it is accepted. An invalid flag
//! keeps its last valid definition over any number of reloads, and is dark without one. The other flags follow the
//! file.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::{self, Changes, TestDir, is_on, status, wait_until};
use flagkit_core::Reason;
use flagkit_core::source::Problem;
use flagkit_core::tooling::SourceState;

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
            let is_accepted = is_on(&guard, "most");
            // The time starts before the write, so a slow machine only lengthens it.
            assert!(!is_accepted || begin.elapsed() >= Duration::from_millis(1_900), "after {:?}", begin.elapsed());
            assert!(is_accepted || is_on(&guard, "flag-9"));
            is_accepted
        });
        assert!(!is_on(&guard, "flag-9"));
        assert_eq!((status(&guard).flags, changes.count()), (6, 1));
    }
}

/// The writer has written half, and the rest follows in time: no reader ever gets the half.
#[test]
fn most_flags_gone_and_back() {
    let folder = TestDir::new();
    folder.write(numbered(20, ""));
    let guard = support::follow(&folder.flags());
    let changes = Changes::of(&guard);
    folder.write(numbered(3, ""));
    support::holds_for(Duration::from_secs(1), "all flags are on", || is_on(&guard, "flag-19"));
    folder.write(numbered(20, "more = true\n"));
    wait_until("the whole document is published", || is_on(&guard, "more"));
    support::holds_for(Duration::from_secs(2), "all flags are on", || is_on(&guard, "flag-19"));
    assert_eq!(changes.count(), 1);
}

/// A newer document replaces the one that is held, with a time of its own.
#[test]
fn a_held_document_is_discarded_when_another_replaces_it() {
    let folder = TestDir::new();
    folder.write(numbered(20, ""));
    let guard = support::follow(&folder.flags());
    let changes = Changes::of(&guard);
    folder.write(numbered(3, "first = true\n"));
    support::holds_for(Duration::from_secs(1), "it is held", || !is_on(&guard, "first"));
    folder.write(numbered(3, "second = true\n"));
    wait_until("the second is published", || {
        assert!(!is_on(&guard, "first"));
        is_on(&guard, "second")
    });
    assert_eq!(changes.count(), 1);
}

/// A document without flags is valid, but it is the last that should be accepted early.
#[test]
fn no_flags_on_purpose() {
    let folder = TestDir::new();
    folder.write(numbered(2, ""));
    let guard = support::follow(&folder.flags());
    folder.write("[flags]\n");
    support::holds_for(Duration::from_secs(1), "it is held", || is_on(&guard, "flag-0"));
    wait_until("there are none", || !is_on(&guard, "flag-0"));
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
