//! Bytes as an environment: `NAME=value`, with a zero byte between variables; not all of it is UTF-8.
//!
//! The environment must always load. An invalid variable is a problem, and its flag is off. No message repeats a value
//! that is long enough to be a secret.

#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use flagkit_core::source::{Problem, Provenance, Source as _};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
use flagkit_sources::Env;
use fuzz::{bounded, evaluate_all};
use libfuzzer_sys::fuzz_target;

/// The longest value that a problem may repeat, in characters.
const SHOWN: usize = 8;

/// Returns a name as a problem shows it, without terminal control characters.
fn shown(name: &OsStr) -> String {
    Problem::new(name.to_string_lossy(), "", "").path().to_owned()
}

fuzz_target!(|bytes: &[u8]| {
    let vars = bytes.split(|byte| *byte == 0).map(|var| {
        let end = var.iter().position(|byte| *byte == b'=').unwrap_or(var.len());
        let (name, value) = (&var[..end], var.get(end + 1..).unwrap_or_default());
        (OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned())
    });
    let vars: Vec<_> = vars.collect();
    bounded(|| {
        let load = Env::from_vars("FLAG_", vars.iter().cloned()).load().expect("the environment always loads");
        for problem in load.problems().iter().filter(|problem| !problem.expected().starts_with("a key")) {
            // The fixed text of the message: a value may be a part of it.
            let of = |value: &OsStr| match value.to_str() {
                Some(text) => format!("a text of {} characters", text.trim().chars().count()),
                None => "a value that is not UTF-8".to_owned(),
            };
            let is_short = |value: &OsStr| value.to_string_lossy().trim().chars().count() <= SHOWN;
            let mut values = vars.iter().filter(|(name, _)| problem.path() == shown(name)).map(|(_, value)| value);
            assert!(values.any(|value| is_short(value) || problem.got() == of(value)), "{problem}");
        }
        let flags = Flags::new();
        let below = flags.add_layer(Provenance::new("file:"));
        let keys = ["a", "new-checkout", "new.checkout", "search-v2", "theme"];
        below
            .publish(keys.into_iter().map(|key| (FlagKey::new(key).expect("a key"), Flag::off())).collect::<FlagSet>());
        flags.add_layer(Provenance::new("env:FLAG_")).publish(load);
        evaluate_all(&flags);
    });
});
