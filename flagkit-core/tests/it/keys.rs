//! What `flag!` takes as a key, [`FlagKey`] takes, and what one refuses the other does.

use flagkit_core::{FlagKey, flag};

/// Legal keys, each read through the macro: that this file compiles is half of the test.
macro_rules! each_legal_key {
    ($($key:literal),+ $(,)?) => {
        [$(($key, flag!($key))),+]
    };
}

#[test]
fn both_take_the_legal_ones() {
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
        assert_eq!(FlagKey::new(key).as_ref().map(FlagKey::as_str), Ok(key));
        assert!(!on, "nothing is installed");
    }
    assert_eq!(keys.last().map(|(key, _)| key.len()), Some(FlagKey::MAX_LEN));
}

/// The macro refuses each of them in `ui/illegal_keys.rs`, whose errors `ui/illegal_keys.stderr` lists.
#[test]
fn both_refuse_the_illegal_ones() {
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
    let stderr = std::fs::read_to_string(stderr).expect("what the compiler says");
    let errors = stderr.lines().filter(|line| line.starts_with("error")).count();
    assert_eq!(errors, keys.len(), "the macro has one complaint about each");
}
