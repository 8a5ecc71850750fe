//! A document without most of the flags may be half of one: it is held, then believed. A flag that is broken keeps its
//! last good definition, reload after reload, and is dark when it had none; the others follow.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::{self, Changes, Place, is_on, status, wait_until};
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
        let place = Place::new();
        let write = |text: String| if by_rename { place.replace(text) } else { place.write(text) };
        write(numbered(20, ""));
        let guard = support::follow(&place.flags());
        assert_eq!(status(&guard).flags, 20);
        // Half of them may go at once.
        write(numbered(10, "half = true\n"));
        wait_until("half of them are gone", || is_on(&guard, "half"));
        assert_eq!(status(&guard).flags, 11);

        let changes = Changes::of(&guard);
        let begin = Instant::now();
        write(numbered(5, "most = true\n"));
        wait_until("most of them are gone", || {
            let is_accepted = is_on(&guard, "most");
            // Measured from before the write, so that a slow machine makes it longer and never shorter.
            assert!(!is_accepted || begin.elapsed() >= Duration::from_millis(1_900), "after {:?}", begin.elapsed());
            assert!(is_accepted || is_on(&guard, "flag-9"));
            is_accepted
        });
        assert!(!is_on(&guard, "flag-9"));
        assert_eq!((status(&guard).flags, changes.count()), (6, 1));
    }
}

/// The writer was half done, and the rest comes within the time: nobody ever sees the half.
#[test]
fn most_flags_gone_and_back() {
    let place = Place::new();
    place.write(numbered(20, ""));
    let guard = support::follow(&place.flags());
    let changes = Changes::of(&guard);
    place.write(numbered(3, ""));
    support::holds_for(Duration::from_secs(1), "all flags are on", || is_on(&guard, "flag-19"));
    place.write(numbered(20, "more = true\n"));
    wait_until("the whole is in force", || is_on(&guard, "more"));
    support::holds_for(Duration::from_secs(2), "all flags are on", || is_on(&guard, "flag-19"));
    assert_eq!(changes.count(), 1);
}

/// A held document gives way to the next one, which has its own time.
#[test]
fn a_held_document_is_forgotten_when_another_comes() {
    let place = Place::new();
    place.write(numbered(20, ""));
    let guard = support::follow(&place.flags());
    let changes = Changes::of(&guard);
    place.write(numbered(3, "first = true\n"));
    support::holds_for(Duration::from_secs(1), "it is held", || !is_on(&guard, "first"));
    place.write(numbered(3, "second = true\n"));
    wait_until("the second is in force", || {
        assert!(!is_on(&guard, "first"));
        is_on(&guard, "second")
    });
    assert_eq!(changes.count(), 1);
}

/// No flags at all is a legal document, and the last one to be believed in a hurry.
#[test]
fn no_flags_on_purpose() {
    let place = Place::new();
    place.write(numbered(2, ""));
    let guard = support::follow(&place.flags());
    place.write("[flags]\n");
    support::holds_for(Duration::from_secs(1), "it is held", || is_on(&guard, "flag-0"));
    wait_until("there are none", || !is_on(&guard, "flag-0"));
    assert_eq!((status(&guard).flags, status(&guard).state), (0, SourceState::Fresh));
}

/// What says how long it is and is shorter is no half document to be held, but a broken one to be reported.
#[test]
fn a_counted_document_that_is_too_short_is_refused() {
    let place = Place::new();
    let counted = |text: &str| format!("[meta]\nflags = 20\n{text}");
    place.write(counted(&numbered(20, "")));
    let guard = support::follow(&place.flags());
    place.write(counted(&numbered(19, "")));
    support::wait_for_state(&guard, SourceState::Stale);
    let error = support::last_error(&guard).expect("an error");
    assert!(error.contains("19 flags") && error.contains("20 flags") && error.contains("2:9"), "{error}");
    assert!(is_on(&guard, "flag-19"));
}

#[test]
fn a_broken_flag_keeps_its_last_good_definition() {
    let place = Place::new();
    let text = |old: &str, new: &str, other: bool| format!("[flags]\nold = {old}\n{new}\nother = {other}\n");
    place.write(text("true", "", false));
    let guard = support::follow(&place.flags());
    for round in 0..5 {
        let other = round % 2 == 0;
        // Broken in another way each time, and `fresh` has never been anything else.
        place.replace(text(&format!("{}", 50 + round), "fresh = 1", other));
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
    place.replace(text("false", "fresh = true", false));
    wait_until("what is mended is followed again", || is_on(&guard, "fresh") && !is_on(&guard, "old"));
    assert!(status(&guard).problems.is_empty());
    // A flag that is removed is gone: the last good definition is for what is broken.
    place.replace("[flags]\nfresh = true\nother = true\n");
    wait_until("it is undeclared", || guard.flags().evaluate("old", &()).reason() == Reason::NotFound);
    place.replace("[flags]\nold = 7\nfresh = true\nother = false\n");
    wait_until("it is refused", || guard.flags().evaluate("old", &()).reason() == Reason::Invalid);
}
