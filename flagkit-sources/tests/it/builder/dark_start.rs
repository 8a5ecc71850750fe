//! A start that leaves flags dark writes why to standard error, once per process, unless a subscriber of `tracing` or the
//! application prevents it. Each case runs by itself in a child, because the process remembers.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use crate::support::{Custom, TestDir, document, in_a_child};
use flagkit_core::source::{Load, LoadError, Publisher};
use flagkit_sources::{Builder, Env, File, OnFailedStart};

const CASE: &str = "FLAGKIT_TEST_CASE";

/// The first load never ends.
fn hangs() -> Result<Load, LoadError> {
    std::thread::park_timeout(Duration::from_secs(600));
    Err(LoadError::new("the test is over"))
}

/// Starts sources in the working directory of the child, which has the file `good.toml`.
fn start(case: &str) {
    let builder = || Builder::new().when_invalid(OnFailedStart::StayDark);
    let missing = || File::new("config/flags.toml");
    let builders = match case {
        "missing" => vec![builder().source(missing()), builder().source(missing())],
        "invalid" => vec![builder().source(File::new("bad.toml"))],
        "silent" => {
            let source = Custom { load: hangs, run: |_: &Publisher| {} };
            vec![builder().source(source).startup_timeout(Duration::ZERO)]
        }
        "good" => vec![builder().source(File::new("good.toml")).optional(missing()).source(Env::new("FLAG_"))],
        "skipped" => vec![builder().source(missing()).when_missing(OnFailedStart::Skip)],
        "quiet" => vec![builder().source(missing()).quiet()],
        "logged" => {
            #[cfg(feature = "tracing")]
            crate::tracing::record_events();
            vec![builder().source(missing())]
        }
        _ => panic!("no such case: {case}"),
    };
    let guards: Vec<_> = builders.into_iter().map(|builder| builder.start().expect("starts dark")).collect();
    std::mem::forget(guards);
}

/// Returns the lines about flags that the child wrote in this case, with its directory as `DIR`.
fn lines(test: &str, case: &str) -> Vec<String> {
    if let Some(case) = env::var_os(CASE) {
        start(case.to_str().expect("text"));
        return Vec::new();
    }
    let folder = TestDir::new();
    fs::write(folder.path("good.toml"), document("a", true)).expect("written");
    fs::write(folder.path("bad.toml"), "[flags\n").expect("written");
    let dir = fs::canonicalize(folder.path(".")).expect("it exists");
    let stderr = in_a_child(module_path!(), test, &dir, &[(OsStr::new(CASE), OsStr::new(case))]);
    let lines = stderr.lines().filter(|line| line.starts_with("flagkit"));
    lines.map(|line| line.replace(&*dir.to_string_lossy(), "DIR")).collect()
}

fn is_child() -> bool {
    env::var_os(CASE).is_some()
}

#[test]
fn a_missing_file_is_reported_once_with_its_absolute_path() {
    let lines = lines("a_missing_file_is_reported_once_with_its_absolute_path", "missing");
    let expected = "flagkit: file:DIR/config/flags.toml: there is no such file; flags stay off until it loads";
    assert!(is_child() || lines == [expected], "{lines:#?}");
}

#[test]
fn an_invalid_file_is_reported_in_one_line() {
    let lines = lines("an_invalid_file_is_reported_in_one_line", "invalid");
    let is_expected = |line: &String| {
        line.starts_with("flagkit: file:DIR/bad.toml: ") && line.ends_with("; flags stay off until it loads")
    };
    assert!(is_child() || matches!(&*lines, [line] if is_expected(line)), "{lines:#?}");
}

#[test]
fn a_source_that_does_not_respond_is_reported() {
    let lines = lines("a_source_that_does_not_respond_is_reported", "silent");
    let expected = "flagkit: custom:test: it has not loaded within the startup timeout; flags stay off until it loads";
    assert!(is_child() || lines == [expected], "{lines:#?}");
}

#[test]
fn a_good_start_reports_nothing() {
    assert_eq!(lines("a_good_start_reports_nothing", "good"), [""; 0]);
}

#[test]
fn a_source_that_may_be_missing_is_not_reported() {
    assert_eq!(lines("a_source_that_may_be_missing_is_not_reported", "skipped"), [""; 0]);
}

#[test]
fn a_quiet_builder_reports_nothing() {
    assert_eq!(lines("a_quiet_builder_reports_nothing", "quiet"), [""; 0]);
}

#[cfg(feature = "tracing")]
#[test]
fn a_subscriber_of_tracing_receives_it_instead() {
    assert_eq!(lines("a_subscriber_of_tracing_receives_it_instead", "logged"), [""; 0]);
}
