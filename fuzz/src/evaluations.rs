//! All evaluations of flags.

use std::fmt::{self, Write};

use flagkit_core::Flags;
use flagkit_core::source::{Load, Provenance};

use crate::crowd;

/// Publishes a load.
pub fn publish(load: Load) -> Flags {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("fuzz:")).publish(load);
    flags
}

/// A writer that discards its input.
struct Discard;

impl Write for Discard {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// Evaluates every flag and some undeclared keys in every way, and compares the results.
pub fn evaluate_all(flags: &Flags) {
    write_all(flags, &mut Discard);
}

/// Does the same, and returns the results as text.
pub fn evaluations(flags: &Flags) -> String {
    let mut output = String::new();
    write_all(flags, &mut output);
    output
}

fn write_all(flags: &Flags, output: &mut impl Write) {
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
            writeln!(output, "{explanation}").expect("memory");
        }
    }
    let _ = format!("{:?}", flags.status());
}
