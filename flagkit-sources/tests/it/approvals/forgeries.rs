//! A forged approval leaves the flag dark, with a reason of its own. The untouched one turns it on.

use flagkit_core::source::Confirmation;
use flagkit_sources::approvals::Statement;

use crate::support::approvals::{
    DEFINITION, ENV, KEY, Person, Signed, digest, document, document_of, list, refusal, refusal_of, start, statement,
};
use crate::support::builder;
use crate::support::{TestDir, is_on};

const ALTERED: &str =
    "a signature of another statement: the definition, the environment or a field is not the signed one";

fn alice() -> Person {
    Person::new("alice@example.com", 1)
}

fn bob() -> Person {
    Person::new("bob@example.com", 2)
}

/// Returns the statement, signed by alice.
fn signed() -> Signed {
    Signed::new(&statement(DEFINITION, "10%"), &alice())
}

/// Returns why the flag of this document is dark.
fn refused(document: &str) -> String {
    let (_dir, guard) = start(&list(&[&alice(), &bob()]), document);
    refusal(&guard).expect("the flag is dark")
}

/// Returns the reason for one approval of one required, which alice made.
fn of_alice(reason: &str) -> String {
    format!("0 of 1 valid approvals (alice@example.com: {reason})")
}

/// Returns the refusal of an approval that was changed after it was signed.
fn refused_with(change: impl FnOnce(&mut Statement)) -> String {
    let mut forged = signed();
    change(&mut forged.statement);
    refused(&document(DEFINITION, &[forged]))
}

#[test]
fn an_untouched_approval_turns_the_flag_on() {
    let (_dir, guard) = start(&list(&[&alice(), &bob()]), &document(DEFINITION, &[signed()]));
    assert_eq!(refusal(&guard), None, "{:?}", guard.flags().status());
    let users = (0..1000).filter(|user: &u32| guard.flags().is_on(KEY, user)).count();
    assert!((50..200).contains(&users), "{users} of 1000");
}

#[test]
fn an_edit_of_metadata_does_not_void_an_approval() {
    let edited = format!("{DEFINITION}description = \"New text\"\nowner = \"carol\"\nexpires = 2030-01-01\n");
    let (_dir, guard) = start(&list(&[&alice()]), &document(&edited, &[signed()]));
    assert_eq!(refusal(&guard), None);
}

#[test]
fn a_narrower_rollout_stays_covered_and_a_wider_one_is_not() {
    for (rollout, is_covered) in [("5%", true), ("10%", true), ("10.5%", false), ("100%", false)] {
        let edited = DEFINITION.replace("10%", rollout);
        let (_dir, guard) = start(&list(&[&alice()]), &document(&edited, &[signed()]));
        assert_eq!(refusal(&guard).is_none(), is_covered, "{rollout}");
    }
    let wider = refused(&document(&DEFINITION.replace("10%", "25%"), &[signed()]));
    assert_eq!(wider, "an approval of \"10%\", which does not cover \"25%\"");
}

#[test]
fn each_field_of_the_statement_is_signed() {
    let altered = of_alice(ALTERED);
    assert_eq!(refused_with(|forged| forged.before = format!("sha256:{:064}", 9)), altered);
    assert_eq!(refused_with(|forged| forged.to = "on".into()), altered);
    assert_eq!(refused_with(|forged| forged.serial += 1), altered);
    assert_eq!(refused_with(|forged| forged.release = Some("0000000".into())), altered);
    assert_eq!(refused_with(|forged| forged.release = None), altered);
    assert_eq!(refused_with(|forged| forged.checks = Some(format!("sha256:{:064}", 9))), altered);
    assert_eq!(refused_with(|forged| forged.checks = None), altered);
    assert_eq!(refused_with(|forged| forged.gate = format!("sha256:{:064}", 9)), altered);
    assert_eq!(refused_with(|forged| forged.requirement.confirmation = Confirmation::Terminal), altered);
    assert_eq!(refused_with(|forged| forged.at = "2026-01-31T10:03:12Z".into()), altered);
}

#[test]
fn a_lower_number_of_humans_is_a_forgery() {
    let mut two = statement(DEFINITION, "10%");
    two.requirement.humans = 2;
    let mut forged = Signed::new(&two, &alice());
    forged.statement.requirement.humans = 1;
    assert_eq!(refused(&document(DEFINITION, &[forged])), of_alice(ALTERED));
}

#[test]
fn an_approval_is_void_in_another_environment() {
    let dir = TestDir::new();
    dir.write(document(DEFINITION, &[signed()]));
    let file = || flagkit_sources::File::new(dir.flags());
    let staging = builder().source(file()).require_approvals(list(&[&alice()]), "staging").start().expect("starts");
    assert_eq!(refusal(&staging), Some(of_alice(ALTERED)));
    let prod = builder().source(file()).require_approvals(list(&[&alice()]), ENV).start().expect("starts");
    assert_eq!(refusal(&prod), None);
}

#[test]
fn an_approval_is_void_for_another_flag() {
    let (_dir, guard) = start(&list(&[&alice()]), &document_of("search-v2", DEFINITION, &[signed()]));
    assert_eq!(refusal_of(&guard, "search-v2"), Some(of_alice(ALTERED)));
}

#[test]
fn an_approval_is_void_for_another_definition() {
    for definition in [
        format!("{DEFINITION}rules = [{{ if = {{ plan = \"beta\" }} }}]\n"),
        format!("{DEFINITION}requires = [\"search-v2\"]\n"),
        DEFINITION.replace("checkout", "other"),
        DEFINITION.replace("salt = \"checkout\"\n", ""),
    ] {
        let text = format!("{}[flags.search-v2]\non = false\n", document(&definition, &[signed()]));
        assert_eq!(refused(&text), of_alice(ALTERED), "{definition}");
    }
}

#[test]
fn an_approval_is_void_after_a_change_of_a_segment_of_its_rules() {
    let definition = format!("{DEFINITION}rules = [{{ segment = \"testers\" }}]\n");
    let with_testers = |ids: &str, approvals: &[Signed]| {
        format!("{}\n[segments.testers]\nincluded = [{ids}]\n", document(&definition, approvals))
    };
    let plain = with_testers("\"u1\"", &[]);
    let statement = Statement { after: digest(&plain, KEY, "10%"), ..statement(DEFINITION, "10%") };
    let approval = [Signed::new(&statement, &alice())];
    let (_dir, guard) = start(&list(&[&alice()]), &with_testers("\"u1\"", &approval));
    assert_eq!(refusal(&guard), None);
    assert!(guard.flags().is_on(KEY, "u1"));
    assert_eq!(refused(&with_testers("\"u1\", \"u2\"", &approval)), of_alice(ALTERED));
}

#[test]
fn a_signature_needs_its_own_namespace() {
    let mut forged = signed();
    let text = forged.statement.to_text().expect("valid");
    forged.signature = alice().sign_in("git", &text);
    let reason = "a signature for the namespace \"git\", not for \"flagkit-approval\"";
    assert_eq!(refused(&document(DEFINITION, &[forged])), of_alice(reason));
}

#[test]
fn a_person_must_be_in_the_list() {
    let mallory = Person::new("mallory@example.com", 66);
    let forged = Signed::new(&statement(DEFINITION, "10%"), &mallory);
    let expected = "0 of 1 valid approvals (mallory@example.com: a person who is not in the list of approvers)";
    assert_eq!(refused(&document(DEFINITION, &[forged])), expected);
}

#[test]
fn a_person_cannot_sign_in_the_name_of_another() {
    // The text names bob, and alice signs it.
    let forged = Signed::new(&statement(DEFINITION, "10%"), &Person::new("bob@example.com", 1));
    let reason = refused(&document(DEFINITION, &[forged]));
    assert!(reason.ends_with("which belongs to alice@example.com)"), "{reason}");
    let unknown = Person::new("alice@example.com", 66);
    let reason = refused(&document(DEFINITION, &[Signed::new(&statement(DEFINITION, "10%"), &unknown)]));
    assert!(reason.ends_with("which is not in the list of approvers)"), "{reason}");
}

#[test]
fn a_key_counts_only_while_it_is_valid() {
    for (options, reason) in [
        ("valid-before=\"20260131\"", "it is valid before 2026-01-31T00:00:00Z"),
        ("valid-after=\"20260131100312Z\"", "it is valid after 2026-01-31T10:03:12Z"),
    ] {
        let list = format!("alice@example.com {options} {}\n", alice().public_key());
        let (_dir, guard) = start(&list, &document(DEFINITION, &[signed()]));
        let expected = of_alice(&format!("a key that is not valid at the time of the approval: {reason}"));
        assert_eq!(refusal(&guard), Some(expected));
    }
    let both = "valid-after=\"202601311003Z\",valid-before=\"20260131100311Z\"";
    let list = format!("alice@example.com {both} {}\n", alice().public_key());
    let (_dir, guard) = start(&list, &document(DEFINITION, &[signed()]));
    assert_eq!(refusal(&guard), None, "the end is inclusive");
}

#[test]
fn an_approval_of_the_future_does_not_count() {
    let future = Statement { at: "9999-12-31T23:59:59Z".into(), ..statement(DEFINITION, "10%") };
    let reason = "an approval at 9999-12-31T23:59:59Z, which is in the future for the clock of this system";
    assert_eq!(refused(&document(DEFINITION, &[Signed::new(&future, &alice())])), of_alice(reason));
}

#[test]
fn a_stripped_or_damaged_signature_does_not_count() {
    let malformed = of_alice("a signature that is not an SSH signature in PEM");
    let with_signature = |signature: String| refused(&document(DEFINITION, &[Signed { signature, ..signed() }]));
    assert_eq!(with_signature(" ".into()), of_alice("an approval without a signature"));
    assert_eq!(with_signature(signed().signature.replace("BEGIN", "BEGAN")), malformed);
    assert_eq!(with_signature(format!("no preamble\n{}", signed().signature)), malformed);
    let whole = signed().signature;
    let (head, tail) = whole.split_at(200);
    assert_eq!(with_signature(format!("{head}{}", &tail[4..])), malformed);
    // The last line holds a part of the signature itself.
    let lines: Vec<_> = signed().signature.lines().map(String::from).collect();
    let last = &lines[lines.len() - 2];
    let swapped = if last.starts_with('A') { "B" } else { "A" };
    let changed = signed().signature.replace(last, &format!("{swapped}{}", &last[1..]));
    assert_eq!(with_signature(changed), of_alice(ALTERED));
}

#[test]
fn a_signature_of_another_file_does_not_count() {
    let signature = alice().sign("[flags]\nnew-checkout = true\n");
    assert_eq!(refused(&document(DEFINITION, &[Signed { signature, ..signed() }])), of_alice(ALTERED));
}

#[test]
fn a_flag_without_approval_is_dark_and_off_needs_none() {
    assert_eq!(refused(&document(DEFINITION, &[])), "no approval of \"10%\"");
    let off = "on = false\nsalt = \"checkout\"\n";
    for definition in [off, "on = true\nrollout = 0\n"] {
        let (_dir, guard) = start(&list(&[&alice()]), &document(definition, &[]));
        assert_eq!(refusal(&guard), None, "{definition}");
        assert!(!is_on(&guard, KEY) && guard.flags().status().sources[0].problems.is_empty());
    }
    let rules_at_zero = "on = true\nrollout = 0\nrules = [{ if = { plan = \"beta\" } }]\n";
    assert_eq!(refused(&document(rules_at_zero, &[])), "no approval of \"0%\"");
}

#[test]
fn a_refusal_is_a_problem_with_advice() {
    let (_dir, guard) = start(&list(&[&alice()]), &document(DEFINITION, &[]));
    let status = guard.flags().status();
    let problem = &status.sources[0].problems[0];
    assert_eq!(problem.path(), "flags.new-checkout");
    assert!(
        problem.help().is_some_and(|help| help.contains("until enough people have approved its definition")),
        "{problem}"
    );
    assert!(guard.flags().explain(KEY, "u1").to_string().contains("no approval of \"10%\""));
}
