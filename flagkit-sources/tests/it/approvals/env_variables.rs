//! Where approvals are required, environment variables only narrow.

use std::ffi::OsString;

use flagkit_sources::{Env, File, Guard};

use crate::support::approvals::{DEFINITION, ENV, KEY, Person, Signed, document, list, refusal, statement};
use crate::support::{TestDir, builder, is_on, wait_until};

const HALF: &str = "on = true\nrollout = \"50%\"\n";

fn start(dir: &TestDir, document: &str, variables: &[(&str, &str)]) -> Guard {
    dir.write(document);
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    builder()
        .required(File::new(dir.flags()))
        .source(Env::from_vars("FLAG_", variables))
        .require_approvals(list(&[&Person::new("alice", 1)]), ENV)
        .state_folder(dir.path("state"))
        .start()
        .expect("starts")
}

fn approved(definition: &str, to: &str) -> String {
    document(definition, &[Signed::new(&statement(definition, to), &Person::new("alice", 1))])
}

fn count(guard: &Guard) -> usize {
    (0..1000).filter(|user: &u32| guard.flags().is_on(KEY, user)).count()
}

#[test]
fn a_variable_cannot_turn_a_flag_on() {
    let dir = TestDir::new();
    for (document, variable) in [
        (document("on = false\n", &[]), "on"),
        (document(DEFINITION, &[]), "on"),
        (document(HALF, &[]), "10%"),
        ("[flags]\n".into(), "on"),
    ] {
        let guard = start(&dir, &document, &[("FLAG_NEW_CHECKOUT", variable)]);
        assert_eq!(count(&guard), 0, "{document} {variable}");
    }
}

#[test]
fn a_variable_cannot_widen_an_approved_flag() {
    let dir = TestDir::new();
    for variable in ["on", "51%"] {
        let guard = start(&dir, &approved(HALF, "50%"), &[("FLAG_NEW_CHECKOUT", variable)]);
        assert!((400..600).contains(&count(&guard)), "{variable}: the approved state stays");
        let status = guard.flags().status();
        let problem = &status.sources[1].problems[0];
        assert!(problem.help().is_some_and(|help| help.contains("can only narrow")), "{problem}");
    }
}

#[test]
fn a_variable_narrows_without_approval() {
    let dir = TestDir::new();
    let guard = start(&dir, &approved(HALF, "50%"), &[("FLAG_NEW_CHECKOUT", "10%")]);
    assert!((50..200).contains(&count(&guard)));
    assert_eq!(refusal(&guard), None);
    let guard = start(&dir, &approved(HALF, "50%"), &[("FLAG_NEW_CHECKOUT", "off")]);
    assert_eq!(count(&guard), 0);
}

#[test]
fn a_flag_that_one_process_turns_off_stays_approved_for_the_others() {
    let dir = TestDir::new();
    let guard = start(&dir, &approved("on = true\n", "on"), &[("FLAG_NEW_CHECKOUT", "off")]);
    assert!(!is_on(&guard, KEY));
    wait_until("the marks are stored", || dir.path("state/approvals-prod").exists());
    drop(guard);
    let guard = start(&dir, &approved("on = true\n", "on"), &[]);
    assert_eq!(refusal(&guard), None);
    assert!(is_on(&guard, KEY));
}

/// The variable hides the revert, so the publish changes no flag.
#[test]
fn a_revert_under_a_variable_counts_after_a_restart() {
    let dir = TestDir::new();
    let approvals = [Signed::new(&statement(HALF, "50%"), &Person::new("alice", 1))];
    drop(start(&dir, &document(HALF, &approvals), &[]));
    let guard = start(&dir, &document(HALF, &approvals), &[("FLAG_NEW_CHECKOUT", "off")]);
    dir.replace(document("on = false\n", &approvals));
    wait_until("the file is read", || guard.flags().status().sources[0].loads > 1);
    drop(guard);
    let guard = start(&dir, &document(HALF, &approvals), &[]);
    assert!(refusal(&guard).is_some_and(|refusal| refusal.contains("reverted since")));
}
