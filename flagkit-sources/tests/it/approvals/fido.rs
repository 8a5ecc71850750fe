//! A gate may require a touch of a hardware key, or its PIN. The keys are imitated in software.
//!
//! OpenSSH accepts all of these signatures, also the ones without a touch. So the program checks them by itself.

use flagkit_core::source::Confirmation;
use flagkit_sources::approvals::NAMESPACE;

use crate::support::approvals::{
    DEFINITION, Person, Signed, TOUCHED, WITH_PIN, document, list, refusal, start, statement,
};

/// Returns why a gate with this confirmation refuses a signature with these flags.
fn refused(person: &Person, confirmation: Confirmation) -> Option<String> {
    let mut statement = statement(DEFINITION, "10%");
    statement.requirement.confirmation = confirmation;
    let (_dir, guard) = start(&list(&[person]), &document(DEFINITION, &[Signed::new(&statement, person)]));
    refusal(&guard)
}

/// Checks keys of both types: what they prove with these flags.
fn check(flags: u8, confirmation: Confirmation, reason: Option<&str>) {
    for person in [Person::with_fido("alice", 1, flags), Person::with_fido_ecdsa("alice", flags)] {
        let expected = reason.map(|reason| format!("0 of 1 valid approvals (alice: {reason})"));
        assert_eq!(refused(&person, confirmation), expected, "{flags:#x} {}", person.public_key());
    }
}

const NO_TOUCH: Option<&str> = Some("a signature without a touch of a hardware key");
const NO_PIN: Option<&str> = Some("a signature of a hardware key without its PIN");

#[test]
fn a_touch_is_required_by_a_gate_for_it() {
    check(0, Confirmation::Signed, None);
    check(0, Confirmation::Touch, NO_TOUCH);
    check(WITH_PIN, Confirmation::Touch, NO_TOUCH);
    check(TOUCHED, Confirmation::Touch, None);
    check(TOUCHED | WITH_PIN, Confirmation::Touch, None);
}

#[test]
fn a_pin_is_required_by_a_gate_for_it() {
    check(0, Confirmation::TouchAndPin, NO_TOUCH);
    check(WITH_PIN, Confirmation::TouchAndPin, NO_TOUCH);
    check(TOUCHED, Confirmation::TouchAndPin, NO_PIN);
    check(TOUCHED | WITH_PIN, Confirmation::TouchAndPin, None);
    check(0xff, Confirmation::TouchAndPin, None);
}

#[test]
fn a_plain_key_proves_no_touch() {
    for confirmation in [Confirmation::Touch, Confirmation::TouchAndPin] {
        let refusal = refused(&Person::new("alice", 1), confirmation).expect("refused");
        assert!(refusal.contains("a key that is not a hardware key"), "{refusal}");
    }
}

#[test]
fn the_flags_are_signed() {
    for person in [Person::with_fido("alice", 1, 0), Person::with_fido_ecdsa("alice", 0)] {
        let mut statement = statement(DEFINITION, "10%");
        statement.requirement.confirmation = Confirmation::Touch;
        let mut forged = Signed::new(&statement, &person);
        let text = forged.statement.to_text().expect("valid");
        forged.signature = person.sign_claiming(TOUCHED, NAMESPACE, &text);
        let (_dir, guard) = start(&list(&[&person]), &document(DEFINITION, &[forged]));
        let refusal = refusal(&guard).expect("refused");
        assert!(refusal.contains("a signature of another statement"), "{refusal}");
    }
}
