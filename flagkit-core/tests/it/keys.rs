//! `flag!` and `FlagKey` accept the same keys.

use flagkit_core::{FlagKey, flag};

/// Legal keys, each read through the macro. That this file compiles is half of the test.
macro_rules! each_legal_key {
    ($($key:literal),+ $(,)?) => {
        [$(($key, flag!($key))),+]
    };
}

#[test]
fn both_accept_the_legal_ones() {
    let keys = each_legal_key![
        "a",
        "Z",
        "0",
        "9-lives",
        "new-checkout",
        "team.search_v2",
        "a.",
        "a-",
        "a_",
        "a..b",
        "a--b",
        "a.-_b",
        "ABC",
        "in",
        "true",
        "\x61",
        "a\u{62}c",
        r"raw",
        "0123456789012345678901234567890123456789012345678901234567890123\
         0123456789012345678901234567890123456789012345678901234567890123",
    ];
    for (key, on) in keys {
        assert_eq!(FlagKey::new(key).as_ref().map(FlagKey::as_str).ok(), Some(key));
        assert!(!on, "nothing is installed");
    }
    assert_eq!(keys.last().map(|(key, _)| key.len()), Some(FlagKey::MAX_LEN));
}

/// The macro rejects each of these keys in `ui/illegal_keys.rs`. `ui/illegal_keys.stderr` has the errors.
#[test]
fn both_reject_the_illegal_ones() {
    macro_rules! each {
        ($($key:literal),+ $(,)?) => {
            [$($key),+]
        };
    }
    let keys = include!("../ui/illegal_keys.in");
    for key in keys {
        assert!(FlagKey::new(key).is_err(), "{key:?}");
    }
    let stderr = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/illegal_keys.stderr");
    let stderr = std::fs::read_to_string(stderr).expect("the expected errors");
    let errors = stderr.lines().filter(|line| line.starts_with("error")).count();
    assert_eq!(errors, keys.len(), "the macro reports one error for each key");
}
