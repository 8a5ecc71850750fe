//! An error that `main` returns is printed with `Debug`, so `Debug` reads like `Display` with the causes.

use std::fmt;
use std::io;

use flagkit_core::source::{LoadError, Operator, Problem};
use flagkit_core::{Date, FlagKey, Percent};

/// The text that the standard library prints for a `main` that returns this error.
fn printed(error: impl fmt::Debug) -> String {
    format!("Error: {error:?}")
}

#[test]
fn an_error_without_a_cause_is_its_message() {
    let key = FlagKey::new("a b").expect_err("a space");
    assert_eq!(printed(&key), format!("Error: {key}"));
    assert_eq!(
        printed("half".parse::<Percent>().expect_err("no number")),
        "Error: cannot parse the percentage: not a plain decimal number such as 25 or 12.5"
    );
    assert_eq!(
        printed("2027-02-30".parse::<Date>().expect_err("no day")),
        "Error: cannot parse the date: not a day of the calendar written as 2027-02-01"
    );
}

#[test]
fn a_cause_follows_the_message() {
    let pattern = Operator::matches("(").expect_err("no pattern");
    assert_eq!(printed(pattern), "Error: cannot compile the pattern\n\nCaused by:\n    unclosed group");
    let version = printed(Operator::semver(">=two").expect_err("no version"));
    assert!(version.starts_with("Error: cannot parse the version requirement\n\nCaused by:\n    "), "{version}");
}

#[test]
fn a_load_error_shows_its_problems_and_causes() {
    let error = LoadError::new("not valid TOML").with_problems([Problem::new("", "`=`", "a key").at(3, 1)]);
    assert_eq!(printed(error), "Error: not valid TOML\n  3:1: got `=`, expected a key");
    let error = LoadError::missing("cannot read the file").with_cause(io::Error::other("two\nlines"));
    assert_eq!(printed(error), "Error: cannot read the file\n\nCaused by:\n    two\n    lines");
}

#[test]
fn a_cause_that_the_message_quotes_is_left_out() {
    let error = LoadError::new("cannot read the file: disk failure").with_cause(io::Error::other("disk failure"));
    assert_eq!(printed(error), "Error: cannot read the file: disk failure");
}
