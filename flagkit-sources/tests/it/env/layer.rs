//! Environment variables override the file while the file keeps reloading. An invalid value is a problem, and its flag
//! is dark.

use std::ffi::OsString;

use crate::support::{TestDir, is_on, wait_until};
use flagkit_core::Reason;
use flagkit_core::tooling::SourceStatus;
use flagkit_sources::{Builder, Env, File, Guard};

fn start(folder: &TestDir, vars: &[(&str, &str)]) -> Guard {
    let vars = vars.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Builder::new().source(File::new(folder.flags())).source(Env::from_vars("FLAG_", vars)).start().expect("starts")
}

fn env(guard: &Guard) -> SourceStatus {
    guard.flags().status().sources.remove(1)
}

#[test]
fn a_variable_wins_over_the_file() {
    let folder = TestDir::new();
    folder.write("[flags]\nnew-checkout = false\nold-banner = true\nsearch = true\nteam.x.on = true\nother = false\n");
    let guard = start(&folder, &[("FLAG_NEW_CHECKOUT", "on"), ("FLAG_OLD_BANNER", "Off"), ("FLAG_SEARCH", "0%")]);
    assert!(is_on(&guard, "new-checkout") && !is_on(&guard, "old-banner") && !is_on(&guard, "search"));
    let layer = |key| guard.flags().evaluate(key, &()).layer().map(ToString::to_string);
    assert_eq!(layer("new-checkout").as_deref(), Some("env:FLAG_"));
    // Reloads change exactly the flags that no variable sets.
    folder.replace("[flags]\nnew-checkout = false\nold-banner = true\nsearch = \"100%\"\nother = true\n");
    wait_until("the reload is seen", || is_on(&guard, "other"));
    assert!(is_on(&guard, "new-checkout") && !is_on(&guard, "old-banner") && !is_on(&guard, "search"));
    assert!(env(&guard).problems.is_empty());
}

/// The included subjects stay the same, because the salt and the attribute come from the declaration.
#[test]
fn a_percentage_keeps_salt_and_metadata_of_the_file() {
    let folder = TestDir::new();
    folder.write("[flags.search-v2]\non = false\nsalt = \"s\"\nby = \"account\"\nowner = \"me\"\n");
    let guard = start(&folder, &[("FLAG_SEARCH_V2", " 12.5% ")]);
    let snapshot = guard.flags().snapshot();
    let flag = snapshot.flag("search-v2").expect("declared");
    assert_eq!(flag.rollout().to_string(), "12.5%");
    assert_eq!((flag.is_enabled(), flag.salt(), flag.bucket_by()), (true, Some("s"), Some("account")));
    assert_eq!(flag.metadata().and_then(|metadata| metadata.owner.as_deref()), Some("me"));
}

#[test]
fn a_variable_stands_for_a_key_that_no_source_declares() {
    let folder = TestDir::new();
    folder.write("[flags]\n");
    let guard = start(&folder, &[("FLAG_NEW_CHECKOUT", "true"), ("FLAG_EMPTY", ""), ("FLAG_BLANK", "  ")]);
    for key in ["new-checkout", "new.checkout", "NEW_CHECKOUT", "new_checkout"] {
        assert!(is_on(&guard, key), "{key}");
    }
    assert_eq!(guard.flags().evaluate("empty", &()).reason(), Reason::NotFound);
    assert_eq!(guard.flags().evaluate("blank", &()).reason(), Reason::NotFound);
    assert!(env(&guard).problems.is_empty());
    // As soon as one of the keys is declared, the variable applies to that key.
    folder.replace("[flags]\nnew-checkout = false\n");
    wait_until("the other is undeclared", || !is_on(&guard, "new.checkout"));
    assert!(is_on(&guard, "new-checkout"));
}

#[test]
fn a_value_that_means_nothing_is_a_problem_and_dark() {
    let folder = TestDir::new();
    folder.write("[flags]\na = true\nb = true\nc = true\nd = true\n");
    let guard =
        start(&folder, &[("FLAG_A", "yes"), ("FLAG_B", "101%"), ("FLAG_C", "0.5"), ("FLAG_UNKNOWN", "nonsense")]);
    let problems: Vec<_> = env(&guard).problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 4, "{problems:?}");
    for (name, words) in [("FLAG_A", "yes"), ("FLAG_B", "0 to 100"), ("FLAG_C", "0.5"), ("FLAG_UNKNOWN", "nonsense")] {
        assert!(problems.iter().any(|problem| problem.contains(name) && problem.contains(words)), "{problems:?}");
    }
    for key in ["a", "b", "c", "unknown"] {
        assert_eq!(guard.flags().evaluate(key, &()).reason(), Reason::Invalid, "{key}");
    }
    assert!(is_on(&guard, "d"));
}

#[test]
fn two_declared_keys_that_share_a_variable_are_dark_and_reported() {
    let folder = TestDir::new();
    folder.write("[flags]\nnew-checkout = true\n\"new.checkout\" = true\nother = true\n");
    for value in ["on", "off", "50%"] {
        let guard = start(&folder, &[("FLAG_NEW_CHECKOUT", value)]);
        for key in ["new-checkout", "new.checkout"] {
            assert_eq!(guard.flags().evaluate(key, &()).reason(), Reason::Invalid, "{key} with {value}");
        }
        assert!(is_on(&guard, "other"));
        let status = env(&guard);
        let [problem] = &*status.problems else { panic!("one problem: {:?}", status.problems) };
        let shown = problem.to_string();
        for word in ["NEW_CHECKOUT", "new-checkout", "new.checkout", "rename", "env:FLAG_"] {
            assert!(shown.contains(word), "{shown}");
        }
        // The flag appears and disappears with the file, without a load of the environment.
        folder.replace("[flags]\nnew-checkout = false\nother = true\n");
        wait_until("the collision is over", || env(&guard).problems.is_empty());
        assert_eq!(is_on(&guard, "new-checkout"), value == "on");
        folder.replace("[flags]\nnew-checkout = true\n\"new.checkout\" = true\nother = true\n");
        wait_until("the collision is back", || env(&guard).problems.len() == 1);
        assert!(!is_on(&guard, "new-checkout"));
    }
}

/// Without a variable, two such keys are two flags.
#[test]
fn two_keys_that_could_share_a_variable_are_two_flags() {
    let folder = TestDir::new();
    folder.write("[flags]\nnew-checkout = true\n\"new.checkout\" = false\n");
    let guard = start(&folder, &[]);
    assert!(is_on(&guard, "new-checkout") && !is_on(&guard, "new.checkout"));
    assert!(env(&guard).problems.is_empty());
}

#[cfg(unix)]
#[test]
fn names_and_values_that_are_not_utf_8_are_problems() {
    use std::os::unix::ffi::OsStringExt;
    let folder = TestDir::new();
    folder.write("[flags]\na = true\n");
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let vars = [
        (bytes(b"FLAG_A"), bytes(b"\xff\xfe")),
        (bytes(b"FLAG_\xff"), bytes(b"on")),
        (bytes(b"FLAG_B"), bytes(b"on")),
        (bytes(b"OTHER_\xff"), bytes(b"\xff")),
        (bytes(b"\xff"), bytes(b"")),
        (bytes(b"FLAG_\xc3"), bytes(b"\xc3")),
    ];
    let guard =
        Builder::new().source(File::new(folder.flags())).source(Env::from_vars("FLAG_", vars)).start().expect("starts");
    assert!(is_on(&guard, "b") && !is_on(&guard, "a"));
    assert_eq!(env(&guard).problems.len(), 3, "{:?}", env(&guard).problems);
}
