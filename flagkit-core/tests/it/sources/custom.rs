//! A source written by a user: the methods it may leave out, the details of its loads, and how they are displayed.

use std::error::Error as _;
use std::io;
use std::time::{Duration, SystemTime};

use flagkit_core::source::EnvKey;
use flagkit_core::source::{ErrorKind, Kind, Load, LoadError, Problem, Provenance, Publisher, Signal, Source};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags};

fn set(on: bool) -> FlagSet {
    let flag = if on { Flag::on() } else { Flag::off() };
    FlagSet::from_iter([(FlagKey::new("new-checkout").expect("a key"), flag)])
}

/// Implements only the required methods.
struct Minimal;

impl Source for Minimal {
    fn provenance(&self) -> Provenance {
        Provenance::new("minimal:")
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        Ok(set(true).into())
    }
}

#[test]
fn a_source_may_omit_optional_methods() {
    let mut source: Box<dyn Source> = Box::new(Minimal);
    let flags = Flags::new();
    let publisher: Publisher = flags.add_layer(source.provenance());
    source.bind(&Signal::new());
    publisher.publish(source.load().expect("it loads"));
    // The default does nothing and returns immediately.
    source.run(&publisher);
    assert!(flags.is_on("new-checkout", &()));
    assert!(source.restarted().is_none(), "the source does not restart in a forked child");
    let status = flags.status();
    assert_eq!((status.sources[0].provenance.as_str(), status.sources[0].state), ("minimal:", SourceState::Fresh));
}

#[test]
fn a_load_may_be_old_or_stale() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    publisher.publish(Load::new(set(true)).as_of(yesterday));
    assert!(flags.is_on("new-checkout", &()));
    let stale = Load::new(set(false)).stale(LoadError::unreachable("no response"), Some(yesterday));
    assert_eq!(stale.staleness().map(ToString::to_string).as_deref(), Some("no response"));
    let stale = stale.with_problems([Problem::new("flags.x", "1", "true or false").at(2, 5)]);
    assert_eq!((stale.flags().len(), stale.problems().len()), (1, 1));
    publisher.publish(stale);
    assert!(!flags.is_on("new-checkout", &()), "stale flags take effect");
    assert_eq!(flags.status().sources[0].state, SourceState::Stale);
}

#[test]
fn a_load_error_has_a_kind_problems_and_a_cause() {
    let problems = [Problem::new("flags.x", "1", "true or false").at(2, 5).with_help("write true")];
    let error = LoadError::new("invalid document").with_problems(problems).with_cause(io::Error::other("a disk"));
    assert_eq!(error.to_string(), "invalid document\n  2:5: flags.x: got 1, expected true or false; write true");
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("a disk"));
    assert_eq!((error.kind(), error.problems().len(), error.is_missing()), (ErrorKind::Invalid, 1, false));
    let missing = LoadError::missing("there is no such file");
    assert!(missing.is_missing() && missing.kind() == ErrorKind::Missing && missing.source().is_none());
    assert_eq!(LoadError::unreachable("no response").kind(), ErrorKind::Unreachable);
}

#[test]
fn a_process_that_was_not_forked_has_nothing_to_recover() {
    let flags = Flags::fixed(set(true));
    assert!(flags.recover_after_fork().is_ok());
    assert!(flags.is_on("new-checkout", &()));
}

#[test]
fn kinds_have_their_names_in_flag_files() {
    assert_eq!(Kind::ALL.map(Kind::as_str), ["release", "experiment", "ops", "permission", "migration"]);
}

#[test]
fn an_invalid_key_is_reported_with_the_position_of_the_character() {
    let long = "k".repeat(FlagKey::MAX_LEN + 1);
    for (text, message) in [
        ("", "got an empty key, expected 1 to 128 characters"),
        (long.as_str(), "got a key of 129 bytes, expected at most 128"),
        ("-a", "got a key that begins with '-', expected an ASCII letter or digit first"),
        ("a b", "got a key with ' ' at byte 1, expected ASCII letters, digits, '.', '_' and '-'"),
    ] {
        assert_eq!(FlagKey::new(text).expect_err(text).to_string(), message);
        assert!(text.parse::<FlagKey>().is_err() && FlagKey::try_from(text).is_err());
    }
    assert_eq!(
        EnvKey::new("NEW_check").expect_err("lower case").to_string(),
        "got a key with 'c' at byte 4, expected ASCII capitals, digits and '_'"
    );
    let key: FlagKey = "new-checkout".parse().expect("a key");
    assert_eq!((key.as_ref(), format!("{key} {key:?}")), ("new-checkout", "new-checkout \"new-checkout\"".to_owned()));
    let folded = EnvKey::from_key(&key);
    assert!(folded.to_string() == "NEW_CHECKOUT" && folded.matches("new.checkout"));
}
