//! `check --base`: a change of the list of approvers.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Person, SIGNED, commit, expect, release, repository, rules};
use crate::support::Folder;

/// The level of the finding about the list, if there is one.
fn level(folder: &Folder) -> Option<String> {
    let mut found = rules(folder, &["--base", "HEAD"]).into_iter().filter(|(rule, _)| rule == "approvers-changed");
    let level = found.next().map(|(_, level)| level);
    assert!(found.next().is_none(), "one finding");
    level
}

/// Widens `y`, which has no gate, without a `go`.
fn widen(folder: &Folder) {
    folder.write("flags.prod.toml", "[flags]\ny = true\n");
}

#[test]
fn an_edit_of_the_list_is_a_warning_that_names_the_people() {
    let (alice, bob, carol) = (Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let folder = repository(SIGNED, &(alice.line("") + &bob.line("")));
    folder.write(".flagkit/approvers", &(alice.line("") + &carol.line("")));
    let ran = folder.run(&["check", "--base", "HEAD"]);
    let shows = ["warning [approvers-changed]", "added carol (ssh-ed25519 SHA256:", "removed bob (ssh-ed25519 SHA256:"];
    expect(&ran, 0, &shows);
    expect(&ran, 0, &["help: compare the fingerprints with their owners"]);
    // Another order, other spaces and comments are the same list.
    folder.write(".flagkit/approvers", &format!("# the team\n{}\n{}", bob.line(""), alice.line("")));
    assert_eq!(level(&folder), None);
}

#[test]
fn what_lets_more_approvals_count_must_not_widen_a_flag() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let flags = format!("[flags.y]\n{SIGNED}");
    let floor = "# flagkit: humans = 2\n";
    let list = format!("{floor}{}{}", alice.line("valid-before=\"29990101Z\""), bob.line(""));
    let folder = repository(&flags, &list);
    let with = |alice_options: &str| format!("{floor}{}{}", alice.line(alice_options), bob.line(""));
    for (name, changed) in [
        ("another key", list.replace(&bob.public_key(), &Person::new("bob").public_key())),
        ("another name", list.replace("bob ", "bob,alice ")),
        ("a later end", with("valid-before=\"29990102Z\"")),
        ("no end", with("")),
        ("no floor", list.replace(floor, "")),
        ("a lower floor", list.replace("humans = 2", "humans = 1")),
        ("a list that cannot be used", list.replace("humans = 2", "people = 2")),
    ] {
        folder.write(".flagkit/approvers", &changed);
        folder.write("flags.prod.toml", "[flags]\n");
        assert_eq!(level(&folder).as_deref(), Some("warning"), "{name}");
        widen(&folder);
        assert_eq!(level(&folder).as_deref(), Some("error"), "{name}");
    }
    // Without a person or with a higher floor, fewer approvals count.
    for changed in [list.replace(&bob.line(""), ""), list.replace("humans = 2", "humans = 3")] {
        folder.write(".flagkit/approvers", &changed);
        assert_ne!(level(&folder).as_deref(), Some("error"), "{changed}");
    }
    folder.remove(".flagkit/approvers");
    assert_eq!(level(&folder).as_deref(), Some("error"));
    folder.write("flags.prod.toml", "[flags]\n");
    expect(&folder.run(&["check", "--base", "HEAD"]), 1, &["warning [approvers-changed]", "the list was deleted"]);
}

#[test]
fn a_release_needs_a_list_at_the_base() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, "");
    folder.remove(".flagkit/approvers");
    commit(&folder);
    folder.write(".flagkit/approvers", &alice.line(""));
    // The list by itself is reviewed.
    expect(&folder.run(&["check", "--base", "HEAD"]), 0, &["warning [approvers-changed]", "added alice"]);
    release(&folder, &alice, &["--to", "10"]);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    expect(&ran, 1, &["error [approvers-changed]", "error [widens] x", "HEAD~1 has no .flagkit/approvers"]);
}

#[test]
fn a_release_needs_a_valid_list_at_the_base() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &format!("# flagkit: human = 2\n{}", alice.line("")));
    folder.write(".flagkit/approvers", &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    expect(&ran, 1, &["error [widens] x", ".flagkit/approvers at HEAD~1: cannot use the list of approvers"]);
}

#[test]
fn a_linked_list_is_compared_by_its_content() {
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let folder = repository(SIGNED, "");
    folder.remove(".flagkit/approvers");
    folder.write("team/approvers", &alice.line(""));
    symlink("../team/approvers", folder.path(".flagkit/approvers")).expect("a link");
    commit(&folder);
    folder.write("team/approvers", &mallory.line(""));
    release(&folder, &mallory, &["--to", "10"]);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    expect(&ran, 1, &["error [approvers-changed]", "added mallory", "error [widens] x"]);
}

#[test]
fn a_list_outside_of_the_repository_is_an_error() {
    let (alice, other) = (Person::new("alice"), Folder::new());
    let folder = repository(SIGNED, &alice.line(""));
    other.write("approvers", &alice.line(""));
    folder.remove(".flagkit/approvers");
    symlink(other.path("approvers"), folder.path(".flagkit/approvers")).expect("a link");
    let ran = folder.run(&["check", "--base", "HEAD"]);
    expect(&ran, 1, &["error [base] cannot compare: it is a link to"]);
    commit(&folder);
    // At the base, such a list approves nothing.
    fs::remove_file(folder.path(".flagkit/approvers")).expect("a link");
    folder.write(".flagkit/approvers", &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    expect(&ran, 1, &["error [widens] x", "outside of the repository"]);
}
