//! All that can be asked of flags.

use std::fmt::Write as _;

use flagkit_core::{Flags, Load, Provenance};

use crate::crowd;

/// Puts a load in force.
pub fn publish(load: Load) -> Flags {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("fuzz:")).publish(load);
    flags
}

/// Asks about every flag and a few that are none, in every way, and holds the answers against each other.
pub fn answers(flags: &Flags) -> String {
    let mut said = String::new();
    let now = flags.snapshot();
    let mut keys: Vec<&str> = now.keys().map(AsRef::as_ref).collect();
    keys.sort_unstable();
    for key in keys.into_iter().chain(["", "never-declared"]) {
        for subject in &crowd() {
            let evaluation = now.evaluate(key, subject);
            assert_eq!(evaluation.is_on(), now.is_on(key, subject), "{key}");
            assert_eq!(evaluation.is_on(), flags.is_on(key, subject), "{key}");
            assert_eq!(evaluation.variant(), now.variant(key, subject).as_ref(), "{key}");
            let explanation = now.explain(key, subject);
            assert_eq!(*explanation.evaluation(), evaluation, "{key}");
            writeln!(said, "{explanation}").expect("memory");
        }
    }
    let _ = format!("{:?}", flags.status());
    said
}
