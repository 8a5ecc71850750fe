//! A source by itself: what it may leave out, what it may say of its loads, and how that is shown.

use std::error::Error as _;
use std::io;
use std::time::{Duration, SystemTime};

use flagkit_core::{
    ErrorKind, Flag, FlagKey, FlagSet, Flags, FoldedKey, Kind, Load, LoadError, Problem, Provenance, Publisher, Signal,
    Source, SourceState, recover_after_fork,
};

fn set(on: bool) -> FlagSet {
    let flag = if on { Flag::on() } else { Flag::off() };
    FlagSet::from_iter([(FlagKey::new("new-checkout").expect("a key"), flag)])
}

/// Says no more than it must.
struct Least;

impl Source for Least {
    fn provenance(&self) -> Provenance {
        Provenance::new("least:")
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        Ok(set(true).into())
    }
}

#[test]
fn a_source_may_leave_out_what_it_does_not_need() {
    let mut source: Box<dyn Source> = Box::new(Least);
    let flags = Flags::new();
    let publisher: Publisher = flags.add_layer(source.provenance());
    source.attach(&Signal::new());
    publisher.publish(source.load().expect("it loads"));
    // It has no changes to tell of, and ends at once.
    source.run(&publisher);
    assert!(flags.is_on("new-checkout", &()));
    assert!(source.successor().is_none(), "nor does it start again in a forked child");
    let status = flags.status();
    assert_eq!((status.sources[0].provenance.as_str(), status.sources[0].state), ("least:", SourceState::Fresh));
}

#[test]
fn a_load_may_be_old_or_stale() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    publisher.publish(Load::new(set(true)).as_of(yesterday));
    assert!(flags.is_on("new-checkout", &()));
    let stale = Load::new(set(false)).stale(LoadError::unreachable("nobody answers"), Some(yesterday));
    assert_eq!(stale.staleness().map(ToString::to_string).as_deref(), Some("nobody answers"));
    let stale = stale.with_problems([Problem::new("flags.x", "1", "true or false").at(2, 5)]);
    assert_eq!((stale.flags().len(), stale.problems().len()), (1, 1));
    publisher.publish(stale);
    assert!(!flags.is_on("new-checkout", &()), "what is stale is in force all the same");
    assert_eq!(flags.status().sources[0].state, SourceState::Stale);
}

#[test]
fn an_error_of_a_load_says_its_kind_its_problems_and_its_cause() {
    let problems = [Problem::new("flags.x", "1", "true or false").at(2, 5).with_help("write true")];
    let error = LoadError::new("it is refused").with_problems(problems).with_cause(io::Error::other("a disk"));
    assert_eq!(error.to_string(), "it is refused\n  2:5: flags.x: got 1, expected true or false; write true");
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("a disk"));
    assert_eq!((error.kind(), error.problems().len(), error.is_missing()), (ErrorKind::Broken, 1, false));
    let missing = LoadError::missing("there is no such file");
    assert!(missing.is_missing() && missing.kind() == ErrorKind::Missing && missing.source().is_none());
    assert_eq!(LoadError::unreachable("nobody answers").kind(), ErrorKind::Unreachable);
}

#[test]
fn a_process_that_was_not_forked_has_nothing_to_recover() {
    let flags = Flags::fixed(set(true));
    assert_eq!(recover_after_fork(&flags), Ok(()));
    assert!(flags.is_on("new-checkout", &()));
}

#[test]
fn words_are_those_of_a_flag_file() {
    assert_eq!(Kind::ALL.map(Kind::as_str), ["release", "experiment", "ops", "permission"]);
}

#[test]
fn what_is_no_key_is_told_with_the_place_of_the_offence() {
    let long = "k".repeat(FlagKey::MAX_LEN + 1);
    for (text, message) in [
        ("", "an empty key; a key has 1 to 128 characters"),
        (long.as_str(), "a key of 129 bytes; a key has at most 128 bytes"),
        ("-a", "a key that begins with '-'; a key begins with an ASCII letter or digit"),
        ("a b", "' ' at byte 1 of a key; legal are ASCII letters, digits, '.', '_' and '-'"),
    ] {
        assert_eq!(FlagKey::new(text).expect_err(text).to_string(), message);
        assert!(text.parse::<FlagKey>().is_err() && FlagKey::try_from(text).is_err());
    }
    assert_eq!(
        FoldedKey::new("NEW_check").expect_err("lower case").to_string(),
        "'c' at byte 4 of a key in upper case; legal are ASCII capitals, digits and '_'"
    );
    let key: FlagKey = "new-checkout".parse().expect("a key");
    assert_eq!((key.as_ref(), format!("{key} {key:?}")), ("new-checkout", "new-checkout \"new-checkout\"".to_owned()));
    let folded = FoldedKey::from_key(&key);
    assert!(folded.to_string() == "NEW_CHECKOUT" && folded.matches("new.checkout"));
}
