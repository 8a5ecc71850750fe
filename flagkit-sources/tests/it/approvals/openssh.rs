//! Signatures of the real `ssh-keygen` count, and the real `ssh-keygen` accepts the same list and the same signatures.

use flagkit_sources::approvals::{Approvers, Refusal, Statement};

use crate::support::approvals::{
    DEFINITION, Person, Signed, TOUCHED, WITH_PIN, document, list, refusal, start, statement,
};
use crate::support::ssh_keygen::{Agent, SshKeygen};

const ALICE: &str = "alice@example.com";

/// The time of the statements, as OpenSSH writes it.
const AT: &str = "20260131100311Z";

fn by_alice() -> (Statement, String) {
    let statement = Statement { by: ALICE.into(), ..statement(DEFINITION, "10%") };
    let text = statement.to_text().expect("valid");
    (statement, text)
}

/// Returns whether both programs accept the signature. They must agree.
fn is_accepted(keygen: &SshKeygen, list: &str, statement: &Statement, signature: &str) -> bool {
    let text = statement.to_text().expect("valid");
    let openssh = keygen.verifies(list, &statement.by, AT, &text, signature);
    let verified = Approvers::parse(list).map(|approvers| approvers.verify(statement, signature));
    assert_eq!(matches!(verified, Ok(Ok(_))), openssh, "{verified:?} {list}");
    openssh
}

/// Checks that a key of `ssh-keygen` approves a flag, and that both programs refuse the signature of another text.
fn check_key(options: &[&str]) {
    let Some(keygen) = SshKeygen::new() else { return };
    let list = format!("{ALICE} {}\n", keygen.generate("key", options));
    let (statement, text) = by_alice();
    let signature = keygen.sign("key", &[], &text);
    assert!(is_accepted(&keygen, &list, &statement, &signature));
    assert!(!is_accepted(&keygen, &list, &Statement { serial: 1, ..statement.clone() }, &signature));
    let in_git = keygen.sign("key", &["-n", "git"], &text);
    assert!(!is_accepted(&keygen, &list, &statement, &in_git));
    let with_sha256 = keygen.sign("key", &["-Ohashalg=sha256"], &text);
    assert!(is_accepted(&keygen, &list, &statement, &with_sha256));

    let approval = Signed { statement, signature };
    let (_dir, guard) = start(&list, &document(DEFINITION, &[approval]));
    assert_eq!(refusal(&guard), None, "{options:?}");
}

#[test]
fn an_ed25519_key_approves() {
    check_key(&["-t", "ed25519"]);
}

#[test]
fn an_ecdsa_key_of_256_bits_approves() {
    check_key(&["-t", "ecdsa", "-b", "256"]);
}

#[test]
fn an_ecdsa_key_of_384_bits_approves() {
    check_key(&["-t", "ecdsa", "-b", "384"]);
}

#[test]
fn an_rsa_key_of_3072_bits_approves() {
    check_key(&["-t", "rsa", "-b", "3072"]);
}

#[test]
fn shorter_rsa_keys_and_other_curves_are_rejected() {
    let Some(keygen) = SshKeygen::new() else { return };
    for (name, options, reason) in [
        ("rsa", ["-t", "rsa", "-b", "2048"], "the RSA key has 2048 bits, expected 3072 to 4096"),
        ("p521", ["-t", "ecdsa", "-b", "521"], "keys of the type \"ecdsa-sha2-nistp521\" cannot approve"),
    ] {
        let key = keygen.generate(name, &options);
        let error = Approvers::parse(&format!("{ALICE} {key}\n")).expect_err("no line is valid");
        assert!(error.is_invalid_approvers() && error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn an_agent_signs_with_a_key_that_no_file_has() {
    let Some(keygen) = SshKeygen::new() else { return };
    let list = format!("{ALICE} {}\n", keygen.generate("key", &["-t", "ed25519"]));
    let Some(agent) = Agent::with_key(&keygen, "key") else { return };
    let (statement, text) = by_alice();
    let signature = keygen.sign_by_agent(&agent, "key", &text);
    assert!(is_accepted(&keygen, &list, &statement, &signature));
    let (_dir, guard) = start(&list, &document(DEFINITION, &[Signed { statement, signature }]));
    assert_eq!(refusal(&guard), None);
}

#[test]
fn openssh_verifies_the_signatures_of_these_tests() {
    let Some(keygen) = SshKeygen::new() else { return };
    let flags = [0, TOUCHED, TOUCHED | WITH_PIN];
    let hardware =
        flags.into_iter().flat_map(|flags| [Person::with_fido(ALICE, 1, flags), Person::with_fido_ecdsa(ALICE, flags)]);
    for person in hardware.chain([Person::new(ALICE, 1)]) {
        let signed = Signed::new(&by_alice().0, &person);
        assert!(is_accepted(&keygen, &list(&[&person]), &signed.statement, &signed.signature), "{}", person.line());
    }
}

#[test]
fn both_programs_read_a_list_in_the_same_way() {
    let Some(keygen) = SshKeygen::new() else { return };
    let alice = Person::new(ALICE, 1);
    let (key, signed) = (alice.public_key(), Signed::new(&by_alice().0, &alice));
    let other = Person::new("bob", 2).line();
    for (line, expected) in [
        (format!("{ALICE} {key}"), true),
        (format!("  {ALICE}\t {key}   a comment"), true),
        (format!("bob,{ALICE},carol {key}"), true),
        (format!("{ALICE} namespaces=\"flagkit-approval\" {key}"), true),
        (format!("{ALICE} NAMESPACES=\"git,flagkit-*\",valid-after=\"20260131\" {key}"), true),
        (format!("{ALICE} valid-after=\"20260131100311Z\" {key}"), true),
        (format!("{ALICE} valid-before=\"20260131100311Z\" {key}"), true),
        (format!("{ALICE} valid-after=\"20260131100312Z\" {key}"), false),
        (format!("{ALICE} valid-before=\"20260131100310Z\" {key}"), false),
        (format!("{ALICE} valid-before=\"202601311003\" {key}"), false),
        (format!("{ALICE} namespaces=\"git\" {key}"), false),
        (format!("{ALICE} namespaces=\"*,!flagkit-*\" {key}"), false),
        (format!("{ALICE} namespaces=flagkit-approval {key}"), false),
        (format!("{ALICE} cert-authority {key}"), false),
        (format!("{ALICE} unknown {key}"), false),
        (format!("{ALICE} valid-before=\"2026\" {key}"), false),
        (format!("{ALICE} valid-after=\"20260201\",valid-before=\"20260101\" {key}"), false),
        (format!("Alice@example.com {key}"), false),
        (format!("bob {key}"), false),
        (format!("#{ALICE} {key}"), false),
        (key.clone(), false),
        (ALICE.into(), false),
    ] {
        let list = format!("{other}{line}\n");
        assert_eq!(is_accepted(&keygen, &list, &signed.statement, &signed.signature), expected, "{line}");
    }
}

#[test]
fn a_pattern_as_a_name_is_rejected_although_openssh_accepts_it() {
    let Some(keygen) = SshKeygen::new() else { return };
    let alice = Person::new(ALICE, 1);
    let signed = Signed::new(&by_alice().0, &alice);
    let text = signed.statement.to_text().expect("valid");
    for name in ["*", "*@example.com", "alice@exampl?.com", "!bob,*"] {
        let list = format!("carol {}\n{name} {}\n", Person::new("carol", 3).public_key(), alice.public_key());
        assert!(keygen.verifies(&list, ALICE, AT, &text, &signed.signature), "{name}");
        let approvers = Approvers::parse(&list).expect("one line is valid");
        assert!(approvers.rejected()[0].reason().starts_with("a name is a pattern"), "{name}");
        assert_eq!(approvers.verify(&signed.statement, &signed.signature), Err(Refusal::UnknownPerson));
    }
}

#[test]
fn a_line_of_the_list_is_one_of_a_file_that_ssh_keygen_wrote() {
    let Some(keygen) = SshKeygen::new() else { return };
    let key = keygen.generate("key", &["-t", "ed25519", "-C", "a comment of two lines"]);
    let approvers = Approvers::parse(&format!("{ALICE} {key}\r\n")).expect("valid");
    let approver = &approvers.entries()[0];
    assert_eq!(approver.names().collect::<Vec<_>>(), [ALICE]);
    assert_eq!((approver.key_type().as_str(), approver.comment()), ("ssh-ed25519", "a comment of two lines"));
    assert!(approver.fingerprint().starts_with("SHA256:") && !approver.is_hardware_key());
}
