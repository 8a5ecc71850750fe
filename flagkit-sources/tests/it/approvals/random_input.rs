//! No list of approvers and no signature makes a program panic, and no damaged one counts.

use std::sync::LazyLock;

use flagkit_sources::approvals::Approvers;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::approvals::{DEFINITION, Person, Signed, TOUCHED, statement};

/// Signatures of all types of keys, each with the list of its person.
///
/// They are made once, because the cryptography takes long in a build for tests.
static SIGNED: LazyLock<Vec<(Signed, Approvers, String)>> = LazyLock::new(|| {
    let people =
        [Person::new("alice", 1), Person::with_fido("alice", 2, TOUCHED), Person::with_fido_ecdsa("alice", TOUCHED)];
    let statement = statement(DEFINITION, "10%");
    let signed = people.iter().map(|person| {
        let approvers = Approvers::parse(&person.line()).expect("valid");
        (Signed::new(&statement, person), approvers, person.line())
    });
    signed.collect()
});

/// The index of the signature with lengths that are not checked.
const SK_ECDSA: usize = 2;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_list_of_any_text_has_lines_with_reasons(text in "\\PC{0,200}") {
        let _ = Approvers::parse(&text);
        let line = &SIGNED[0].2;
        if let Ok(approvers) = Approvers::parse(&format!("{line}{text}\n{text} {line}")) {
            prop_assert!(!approvers.entries().is_empty());
            for line in approvers.rejected() {
                prop_assert!(line.line() >= 1 && !line.reason().is_empty());
            }
        }
    }

    #[test]
    fn a_changed_line_does_not_let_another_key_sign(at: Index, with: char) {
        let (signed, approvers, line) = &SIGNED[0];
        let mut changed: Vec<char> = line.trim().chars().collect();
        let at = at.index(changed.len());
        changed[at] = with;
        let list = format!("{}\n{}", changed.iter().collect::<String>(), Person::new("bob", 9).line());
        if let Ok(changed) = Approvers::parse(&list) {
            let is_verified = changed.verify(&signed.statement, &signed.signature).is_ok();
            let is_same = changed.entries()[0].fingerprint() == approvers.entries()[0].fingerprint();
            prop_assert!(is_same || !is_verified);
        }
    }

    #[test]
    fn a_changed_signature_does_not_count(person in 0..3_usize, at: Index, with: char) {
        let (signed, approvers, _) = &SIGNED[person];
        let mut changed: Vec<char> = signed.signature.chars().collect();
        let at = at.index(changed.len());
        let is_space = changed[at] == '\n' && with.is_ascii_whitespace();
        let is_same = changed[at] == with;
        changed[at] = with;
        let verified = approvers.verify(&signed.statement, &changed.into_iter().collect::<String>());
        if is_same || is_space {
            prop_assert!(verified.is_ok(), "{verified:?}");
        } else if person != SK_ECDSA {
            prop_assert!(verified.is_err(), "{verified:?}");
        } else {
            // Lengths that are too large change nothing.
            let original = approvers.verify(&signed.statement, &signed.signature);
            prop_assert!(verified.is_err() || verified == original, "{verified:?}");
        }
    }

    #[test]
    fn any_bytes_as_a_signature_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (signed, approvers, _) = &SIGNED[0];
        prop_assert!(approvers.verify(&signed.statement, &String::from_utf8_lossy(&bytes)).is_err());
    }
}
