//! A variable that overrides no declared flag is a warning in the status, with the variable that was probably meant.

use std::time::Duration;

use crate::support::{Custom, TestDir, document, is_on, lit, wait_until};
use flagkit_core::source::{Load, LoadError, Publisher};
use flagkit_sources::{Builder, Env, File, Guard};

fn env(variables: &[(&str, &str)]) -> Env {
    Env::from_vars("FLAG_", variables.iter().map(|(name, value)| (name.into(), value.into())))
}

/// Returns the warnings of the highest layer.
fn warnings(guard: &Guard) -> Vec<String> {
    let status = guard.status().sources.pop().expect("a source");
    assert_eq!(status.provenance.as_str(), "env:FLAG_");
    status.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_warning_is_there_when_the_start_returns() {
    let folder = TestDir::new();
    folder.write("[flags]\nnew-checkout = true\n\"search.v2\" = true\n");
    let variables = env(&[
        ("FLAG_NEW_CHECKOUT", "on"),
        ("FLAG_NEW_CHEKOUT", "off"),
        ("FLAG_SEARCH_V3", "1"),
        ("FLAG_SOMETHING_ELSE", "on"),
        ("FLAG_UNSET", ""),
    ]);
    let guard = Builder::new().source(File::new(folder.flags())).source(variables).start().expect("starts");
    let expected = [
        "FLAG_NEW_CHEKOUT overrides no declared flag; did you mean FLAG_NEW_CHECKOUT?",
        "FLAG_SEARCH_V3 overrides no declared flag; did you mean FLAG_SEARCH_V2?",
        "FLAG_SOMETHING_ELSE overrides no declared flag",
    ];
    assert_eq!(warnings(&guard), expected);
    assert!(is_on(&guard, "new-checkout"), "the misspelled variable has no effect on it");
}

#[test]
fn the_warning_follows_the_declarations() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let variables = env(&[("FLAG_SEARCH", "on")]);
    let guard = Builder::new().source(File::new(folder.flags())).source(variables).start().expect("starts");
    assert_eq!(warnings(&guard), ["FLAG_SEARCH overrides no declared flag"]);
    folder.replace("[flags]\ncheckout = true\nsearch = false\n");
    wait_until("it is declared", || warnings(&guard).is_empty());
    folder.replace(document("searches", true));
    wait_until("it is declared no longer", || {
        warnings(&guard) == ["FLAG_SEARCH overrides no declared flag; did you mean FLAG_SEARCHES?"]
    });
}

#[test]
fn there_is_none_where_no_flag_is_declared() {
    let guard = Builder::new().source(env(&[("FLAG_A", "on")])).start().expect("starts");
    assert_eq!(warnings(&guard), [""; 0]);
    assert!(is_on(&guard, "a"), "variables work without a file");
    let folder = TestDir::new();
    let file = File::new(folder.flags());
    let guard = Builder::new().quiet().source(file).source(env(&[("FLAG_A", "on")])).start().expect("starts dark");
    assert_eq!(warnings(&guard), [""; 0], "the file is missing");
}

/// The variable may be meant for a flag of the source that has not loaded yet.
#[test]
fn there_is_none_before_every_source_has_loaded() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let slow = Custom {
        load: move || {
            let _ = released.recv();
            Ok::<_, LoadError>(Load::new(lit(&["slow"])))
        },
        run: |_: &Publisher| {},
    };
    let variables = env(&[("FLAG_SLOW", "off"), ("FLAG_CHEKOUT", "off")]);
    let builder = Builder::new().quiet().source(File::new(folder.flags())).source(slow).source(variables);
    let guard = builder.optional(File::new(folder.path("missing.toml"))).startup_timeout(Duration::from_millis(50));
    let guard = guard.start().expect("starts");
    let warnings = || -> Vec<String> { guard.status().sources[2].warnings.iter().map(ToString::to_string).collect() };
    wait_until("the file is loaded", || guard.status().sources[0].loads == 1);
    assert_eq!(warnings(), [""; 0]);
    drop(release);
    let expected = ["FLAG_CHEKOUT overrides no declared flag; did you mean FLAG_CHECKOUT?"];
    wait_until("all have loaded", || warnings() == expected);
}

#[test]
fn many_variables_have_a_bounded_number_of_warnings() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let variables = (0..50).map(|n| (format!("FLAG_OTHER_{n:02}").into(), "on".into()));
    let variables = Env::from_vars("FLAG_", variables);
    let guard = Builder::new().source(File::new(folder.flags())).source(variables).start().expect("starts");
    let warnings = warnings(&guard);
    assert_eq!((warnings.len(), warnings[20].as_str()), (21, "30 more variables override no declared flag"));
}
