//! Bytes as an environment: `NAME=value`, with a zero byte between variables; not all of it is UTF-8.
//!
//! The environment always loads. What is not understood is a problem and dark, and no value is repeated that is long enough to be a secret.

#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Provenance, Source as _};
use flagkit_sources::Env;
use fuzz::{LIMIT, answers, bounded};
use libfuzzer_sys::fuzz_target;

/// The longest value that a problem may repeat, in characters.
const SHOWN: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let vars = bytes.split(|byte| *byte == 0).map(|var| {
        let end = var.iter().position(|byte| *byte == b'=').unwrap_or(var.len());
        let (name, value) = (&var[..end], var.get(end + 1..).unwrap_or_default());
        (OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned())
    });
    let vars: Vec<_> = vars.collect();
    bounded(LIMIT, || {
        let load = Env::from_vars("FLAG_", vars.iter().cloned()).load().expect("the environment always loads");
        for problem in load.problems() {
            let is_of = |name: &OsStr| problem.path().starts_with(&*name.to_string_lossy());
            for (_, value) in vars.iter().filter(|(name, _)| is_of(name)) {
                let value = value.to_string_lossy();
                let is_told = value.trim().chars().count() > SHOWN && problem.got().contains(value.trim());
                assert!(!is_told, "{problem}");
            }
        }
        let flags = Flags::new();
        let below = flags.add_layer(Provenance::new("file:"));
        let keys = ["a", "new-checkout", "new.checkout", "search-v2", "theme"];
        below
            .publish(keys.into_iter().map(|key| (FlagKey::new(key).expect("a key"), Flag::off())).collect::<FlagSet>());
        flags.add_layer(Provenance::new("env:FLAG_")).publish(load);
        answers(&flags);
    });
});
