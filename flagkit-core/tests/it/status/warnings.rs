//! Warnings are about the source itself, independent of its loads. Each new one is reported once.

use std::sync::mpsc;

use flagkit_core::source::Provenance;
use flagkit_core::tooling::SourceState;
use flagkit_core::{Event, Flag, Flags};

use crate::support::{EventLog, only_a, only_source, source, unavailable};

fn warnings(flags: &Flags) -> Vec<String> {
    only_source(flags).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_warning_is_reported_once_and_shows_in_the_status() {
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    let warn = |texts: &[&str]| {
        publisher.set_warnings(texts.iter().map(ToString::to_string));
        (log.take(), warnings(&flags))
    };
    let event = |line: &str| vec![line.to_owned()];
    let shown = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();

    assert_eq!(warn(&[]), (vec![], vec![]), "no warnings are no event");
    assert_eq!(warn(&["polled"]), (event("warnings: polled"), shown(&["polled"])));
    assert_eq!(warn(&["polled"]), (vec![], shown(&["polled"])));
    assert_eq!(warn(&["polled", "old"]), (event("warnings: polled, old"), shown(&["polled", "old"])));
    assert_eq!(warn(&["polled", "old"]), (vec![], shown(&["polled", "old"])));
    assert_eq!(warn(&["old"]), (vec![], shown(&["old"])), "one fewer");
    assert_eq!(warn(&["slow"]), (event("warnings: slow"), shown(&["slow"])), "one replaced by another");
    assert_eq!(warn(&[]), (vec![], vec![]));
    assert_eq!(warn(&["slow"]), (event("warnings: slow"), shown(&["slow"])), "the warning had been removed");
}

#[test]
fn warnings_in_another_order_are_no_event() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.set_warnings(["polled", "old"].map(str::to_owned));
    let log = EventLog::new(&flags);
    publisher.set_warnings(["old", "polled"].map(str::to_owned));
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(warnings(&flags), ["old", "polled"]);
}

#[test]
fn a_warning_names_its_layer_and_outlasts_loads() {
    let flags = Flags::new();
    let publishers = ["one:", "two:"].map(|name| flags.add_layer(Provenance::new(name)));
    let (sender, receiver) = mpsc::channel();
    let _subscription = flags.subscribe(move |event| {
        if let Event::WarningsChanged(change) = event {
            sender.send((change.layer.to_string(), change.warnings.to_vec())).expect("the test listens");
        }
    });
    for publisher in &publishers {
        publisher.set_warnings(["polled".to_owned()]);
    }
    let polled = || vec![Box::from("polled")];
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [("one:".to_owned(), polled()), ("two:".to_owned(), polled())]);
    publishers[0].publish(only_a(Flag::on()));
    publishers[0].fail(unavailable());
    publishers[0].unchanged();
    assert_eq!(source(&flags, 0).warnings.to_vec(), polled());
    assert!(receiver.try_recv().is_err());
}

#[test]
fn a_warning_is_neither_a_load_failure_nor_a_state_change() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.set_warnings(["polled".to_owned()]);
    let status = only_source(&flags);
    assert_eq!((status.state, status.failures, status.problems.len()), (SourceState::Starting, 0, 0));
    assert!(status.last_error.is_none());
}

#[test]
fn control_characters_of_a_warning_are_escaped() {
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    flags.add_layer(Provenance::new("file:")).set_warnings(["a\nb\u{1b}[31m\u{202e}c".to_owned()]);
    assert_eq!(warnings(&flags), [r"a\nb\u{1b}[31m\u{202e}c"]);
    assert_eq!(log.take(), [r"warnings: a\nb\u{1b}[31m\u{202e}c"]);
}
