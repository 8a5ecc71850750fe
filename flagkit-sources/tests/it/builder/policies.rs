//! With a missing file the start is dark and the flags appear with the file. With an invalid file the start fails with
//! all problems. Policies can swap either.

use std::error::Error as _;
use std::time::{Duration, Instant};

use crate::support::{self, Custom, TestDir, document, is_on, lit, status, wait_until};
use flagkit_core::source::{Load, LoadError, Problem, Publisher};
use flagkit_core::tooling::SourceState;
use flagkit_core::{FlagSet, Reason};
use flagkit_sources::{Builder, Env, File, OnFailedStart, Readiness, StartPolicy};

const BROKEN: &str = "[flags]\na = yes\nb = true\nc = no\n";

#[test]
fn a_missing_file_is_waited_for_in_the_dark() {
    let folder = TestDir::new();
    let guard = Builder::new().source(File::new(folder.flags())).start().expect("starts in the dark");
    let before = status(&guard);
    assert_eq!((before.state, before.loads, before.flags, before.last_good), (SourceState::Waiting, 0, 0, None));
    assert!(before.last_error.expect("an error").is_missing());
    assert_eq!(guard.flags().evaluate("checkout", &()).reason(), Reason::NotFound);
    folder.write(document("checkout", true));
    wait_until("it lights", || is_on(&guard, "checkout"));
    let after = status(&guard);
    assert_eq!((after.state, after.loads, after.flags), (SourceState::Fresh, 1, 1));
    assert!(after.last_good.is_some() && after.last_error.is_none());
}

#[test]
fn a_missing_file_can_make_the_start_fail() {
    let folder = TestDir::new();
    let start = || Builder::new().source(File::new(folder.flags())).when_missing(OnFailedStart::Fail).start();
    let error = start().expect_err("the start fails");
    assert!(error.is_load() && !error.is_installed());
    let path = folder.flags().display().to_string();
    assert_eq!(error.to_string(), format!("file:{path}: there is no such file"));
    folder.write(document("checkout", true));
    assert!(is_on(&start().expect("starts"), "checkout"));
}

#[test]
fn an_invalid_file_is_an_error_with_all_its_problems() {
    let folder = TestDir::new();
    folder.write(BROKEN);
    for missing in [OnFailedStart::StayDark, OnFailedStart::Fail] {
        let error = Builder::new()
            .source(File::new(folder.flags()))
            .when_missing(missing)
            .start()
            .expect_err("the start fails");
        let [(provenance, load)] = error.failures() else { panic!("one source failed: {error}") };
        assert_eq!(provenance.as_str(), format!("file:{}", folder.flags().display()));
        assert!(!load.is_missing());
        let lines: Vec<_> =
            load.problems().iter().filter_map(Problem::location).map(|location| location.line).collect();
        assert_eq!(lines, [2, 4]);
        let shown = error.to_string();
        assert!(
            shown.contains("flags.toml: ") && shown.contains("\n  2:5: ") && shown.contains("\n  4:5: "),
            "{shown}"
        );
        assert!(error.source().is_none(), "the message has it all");
    }
}

#[test]
fn an_invalid_file_can_start_dark() {
    let folder = TestDir::new();
    folder.write(BROKEN);
    let guard = Builder::new()
        .source(File::new(folder.flags()))
        .when_invalid(OnFailedStart::StayDark)
        .start()
        .expect("starts in the dark");
    assert_eq!(status(&guard).state, SourceState::Waiting);
    assert_eq!(status(&guard).last_error.expect("an error").problems().len(), 2);
    folder.write(document("checkout", true));
    wait_until("it lights", || is_on(&guard, "checkout"));
}

/// A policy for one case does not affect the other.
#[test]
fn missing_and_invalid_are_two_policies() {
    let folder = TestDir::new();
    let start = |missing, invalid| {
        let builder = Builder::new().source(File::new(folder.flags()));
        builder.when_missing(missing).when_invalid(invalid).start().is_ok()
    };
    assert!(
        start(OnFailedStart::StayDark, OnFailedStart::Fail) && !start(OnFailedStart::Fail, OnFailedStart::StayDark)
    );
    folder.write(BROKEN);
    assert!(
        start(OnFailedStart::Fail, OnFailedStart::StayDark) && !start(OnFailedStart::StayDark, OnFailedStart::Fail)
    );
}

/// The base must exist, and the file of the environment is optional.
#[test]
fn each_source_can_have_its_own_policy() {
    let folder = TestDir::new();
    let (base, prod) = (folder.path("flags.toml"), folder.path("flags.prod.toml"));
    let start = || {
        let variables = Env::from_vars("FLAG_", []);
        Builder::new().required(File::new(&base)).optional(File::new(&prod)).source(variables).start()
    };
    let failed = |error: flagkit_sources::Error| -> Vec<String> {
        error.failures().iter().map(|(source, _)| source.to_string()).collect()
    };
    assert_eq!(failed(start().expect_err("the base is missing")), [format!("file:{}", base.display())]);
    std::fs::write(&base, document("checkout", true)).expect("written");
    let guard = start().expect("only the optional file is missing");
    assert!(is_on(&guard, "checkout"), "a missing optional file turns nothing off");
    assert_eq!(guard.readiness(), Readiness::Ready);
    std::fs::write(&prod, document("checkout", false)).expect("written");
    wait_until("the optional file is applied", || !is_on(&guard, "checkout"));
    std::fs::write(&prod, BROKEN).expect("written");
    assert_eq!(failed(start().expect_err("it is there, and invalid")), [format!("file:{}", prod.display())]);
    std::fs::write(&base, BROKEN).expect("written");
    assert_eq!(failed(start().expect_err("both are invalid")).len(), 2);
}

#[test]
fn the_policy_of_the_builder_is_the_default_of_all_sources() {
    let folder = TestDir::new();
    let missing = || File::new(folder.flags());
    let ok = |builder: Builder| builder.quiet().start().is_ok();
    // The order of the calls does not matter.
    assert!(!ok(Builder::new().source(missing()).when_missing(OnFailedStart::Fail)));
    assert!(!ok(Builder::new().when_missing(OnFailedStart::Fail).source(missing())));
    assert!(ok(Builder::new().optional(missing()).when_missing(OnFailedStart::Fail)));
    assert!(!ok(Builder::new().required(missing()).when_missing(OnFailedStart::Skip)));
    let dark = StartPolicy::all(OnFailedStart::StayDark);
    assert!(ok(Builder::new().source_with(missing(), dark).when_missing(OnFailedStart::Fail)));
    folder.write(BROKEN);
    assert!(!ok(Builder::new().optional(missing())), "optional means that it may be missing, not invalid");
    assert!(ok(Builder::new().optional(missing()).when_invalid(OnFailedStart::StayDark)));
    assert!(ok(Builder::new().source_with(missing(), dark)));
}

/// An optional source that does not respond may have flags that turn others off.
#[test]
fn an_optional_source_that_is_unreachable_keeps_the_layers_below_dark() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let away = || Custom { load: || Err(LoadError::unreachable("no response")), run: |_: &Publisher| {} };
    let builder = || Builder::new().quiet().source(File::new(folder.flags()));
    let guard = builder().optional(away()).start().expect("starts dark");
    assert!(!is_on(&guard, "checkout"));
    let guard = builder().source_with(away(), StartPolicy::all(OnFailedStart::Skip)).start().expect("starts");
    assert!(is_on(&guard, "checkout"));
    let guard = builder().optional(away()).when_unreachable(OnFailedStart::Skip).start().expect("starts");
    assert!(is_on(&guard, "checkout"));
}

#[test]
fn the_error_lists_exactly_the_sources_that_fail() {
    let folder = TestDir::new();
    folder.write(BROKEN);
    std::fs::write(folder.path("good.toml"), document("checkout", true)).expect("written");
    let error = Builder::new()
        .source(File::new(folder.flags()))
        .source(File::new(folder.path("good.toml")))
        .source(File::new(folder.path("missing.toml")))
        .source(Env::from_vars("FLAG_", []))
        .when_missing(OnFailedStart::Fail)
        .start()
        .expect_err("the start fails");
    let failed: Vec<_> =
        error.failures().iter().map(|(source, _)| source.as_str().rsplit('/').next().expect("a name")).collect();
    assert_eq!(failed, ["flags.toml", "missing.toml"]);
}

/// A document with single invalid flags is still valid.
#[test]
fn single_flags_that_are_invalid_do_not_prevent_the_start() {
    let folder = TestDir::new();
    folder.write("[flags]\na = 25\nb = true\n");
    let guard =
        Builder::new().source(File::new(folder.flags())).when_missing(OnFailedStart::Fail).start().expect("starts");
    assert!(is_on(&guard, "b") && !is_on(&guard, "a"));
    assert_eq!(status(&guard).problems.len(), 1);
}

#[test]
fn no_sources_are_no_flags() {
    let guard = Builder::new().start().expect("starts");
    assert!(guard.flags().status().sources.is_empty());
    assert!(!is_on(&guard, "checkout"));
}

#[test]
fn a_source_that_hangs_is_waited_for_until_the_timeout() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let hangs = Custom {
        load: move || {
            // It blocks until the test releases it, which for the start means forever.
            let _ = released.recv_timeout(support::DEADLINE);
            Ok(Load::new(lit(&["late"])))
        },
        run: |_: &Publisher| {},
    };
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let begin = Instant::now();
    let guard = Builder::new()
        .source(hangs)
        .source(File::new(folder.flags()))
        .startup_timeout(Duration::from_millis(300))
        .when_missing(OnFailedStart::Fail)
        .start()
        .expect("starts without it");
    assert!(begin.elapsed() < support::DEADLINE / 2, "the start took {:?}", begin.elapsed());
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!(status(&guard).state, SourceState::Starting);
    wait_until("the other source", || is_on(&guard, "checkout"));
    assert!(!is_on(&guard, "late"));
    release.send(()).expect("it waits");
    wait_until("it is taken in when it answers", || is_on(&guard, "late"));
}

#[test]
fn a_source_that_answers_is_not_waited_for_longer() {
    let begin = Instant::now();
    let guard = Builder::new()
        .source(Custom { load: || Ok(Load::new(FlagSet::new())), run: |_: &Publisher| {} })
        .startup_timeout(Duration::from_secs(3_600))
        .start()
        .expect("starts");
    assert!(begin.elapsed() < support::DEADLINE);
    drop(guard);
}

/// The policies apply to the first load. That succeeded, so the later error is in the status only.
#[test]
fn an_error_after_the_first_load_does_not_prevent_the_start() {
    let (failed, has_failed) = std::sync::mpsc::channel();
    let fails_later = Custom {
        load: || Ok(Load::new(lit(&["steady"]))),
        run: move |publisher: &Publisher| {
            publisher.fail(LoadError::new("the server is away"));
            let _ = failed.send(());
        },
    };
    let slow = Custom {
        load: move || {
            let _ = has_failed.recv_timeout(support::DEADLINE);
            Ok(Load::new(lit(&["slow"])))
        },
        run: |_: &Publisher| {},
    };
    let guard = Builder::new().source(fails_later).source(slow).start().expect("starts");
    assert!(is_on(&guard, "steady") && is_on(&guard, "slow"));
}

#[test]
fn no_patience_at_all_starts_in_the_dark() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let guard =
        Builder::new().source(File::new(folder.flags())).startup_timeout(Duration::ZERO).start().expect("starts");
    wait_until("it lights", || is_on(&guard, "checkout"));
}

#[test]
fn endless_patience_is_patience() {
    let guard = Builder::new()
        .source(Custom { load: || Ok(Load::new(lit(&["a"]))), run: |_: &Publisher| {} })
        .startup_timeout(Duration::MAX)
        .start()
        .expect("starts");
    assert!(is_on(&guard, "a"));
}

#[test]
fn no_limit_of_size_is_no_limit() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let guard = support::start(File::new(folder.flags()).max_len(u64::MAX));
    assert!(is_on(&guard, "checkout"));
}

#[test]
fn an_endless_poll_is_none() {
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = support::start(File::new(folder.flags()).poll_every(Duration::MAX));
    folder.replace(document("checkout", true));
    wait_until("the change is seen by its events", || is_on(&guard, "checkout"));
}

#[test]
fn an_error_of_a_source_is_shown_as_it_is() {
    let fails = Custom {
        load: || Err(LoadError::new("the table is locked").with_cause(std::io::Error::other("code 17"))),
        run: |_: &Publisher| {},
    };
    let error = Builder::new().source(fails).start().expect_err("the start fails");
    assert_eq!(error.to_string(), "custom:test: the table is locked");
    assert_eq!(error.source().expect("the cause").to_string(), "code 17");
}
