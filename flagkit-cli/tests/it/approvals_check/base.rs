//! `check --base`: a widening under a signed gate needs approvals that are valid by the list of the base.

use std::fs;

use super::{Person, SIGNED, commit, edit, expect, release, repository, rules};

#[test]
fn a_valid_release_is_accepted() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
    // The merged release stays valid, also at a smaller percentage.
    expect(&folder.run(&["revert", "x", "--env", "prod", "--to", "5"]), 0, &[]);
    commit(&folder);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
}

#[test]
fn a_release_needs_both_people_of_the_gate() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let flags = SIGNED.to_owned() + "humans = 2\n";
    let folder = repository(&flags, &(alice.line("") + &bob.line("")));
    let (code, screen) = alice.go(&folder, &["x", "--env", "prod", "--to", "10"]);
    assert_eq!(code, 5, "{screen}");
    commit(&folder);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
    release(&folder, &bob, &["--to", "10"]);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
    // One of the two approvals is not enough.
    let text = folder.read("flags.prod.toml");
    let second = text.rfind("[[flags.x.approval]]").expect("two approvals");
    folder.write("flags.prod.toml", &text[..second]);
    expect(&folder.run(&["check", "--base", "HEAD~2"]), 1, &["error [widens] x", "1 of 2 valid approvals"]);
    expect(&folder.run(&["check"]), 1, &["error [unapproved] x is 10% in prod", "1 of 2 valid approvals"]);
}

#[test]
fn a_logged_go_is_not_enough() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    folder.write("flags.prod.toml", "[flags.x]\non = true\nrollout = 10\n");
    commit(&folder);
    let ran = folder.run(&["check", "--base", "HEAD~2"]);
    expect(&ran, 1, &["error [widens] x was widened", "is not approved in flags.prod.toml: no approval of \"10%\""]);
    // The finding about the present state has the same cause.
    assert!(!ran.out.contains("[unapproved]"), "{ran:?}");
    expect(&folder.run(&["check"]), 1, &["error [unapproved] x is 10% in prod, and not approved: no approval"]);
}

#[test]
fn an_edited_definition_voids_the_release_and_edited_metadata_does_not() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    edit(&folder, "flags.toml", "description = \"x\"", "description = \"the new checkout\"\nowner = \"a@example.com\"");
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
    edit(&folder, "flags.toml", "description", "salt = \"other\"\ndescription");
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 1, &["error [widens] x"]);
    expect(&folder.run(&["check"]), 1, &["error [unapproved] x is 10% in prod", "a signature of another statement"]);
}

#[test]
fn a_definition_that_was_approved_again_is_accepted() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    edit(&folder, "flags.toml", "description", "salt = \"other\"\ndescription");
    release(&folder, &alice, &["--to", "10"]);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
    // The approval is of this definition, and of no other one.
    edit(&folder, "flags.toml", "other", "another");
    expect(&folder.run(&["check", "--base", "HEAD~2"]), 1, &["error [widens] x"]);
}

#[test]
fn allow_has_no_effect_on_an_unapproved_flag() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    folder.write("flags.prod.toml", "[flags.x]\non = true\n");
    edit(&folder, "flags.toml", "description = \"x\"", "allow = { unapproved = \"why not\" }");
    expect(
        &folder.run(&["check"]),
        1,
        &["error [unapproved] x is on in prod, and not approved: no approval of \"on\""],
    );
}

#[test]
fn a_change_cannot_enrol_its_own_signer() {
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let folder = repository(SIGNED, &alice.line(""));
    folder.write(".flagkit/approvers", &(alice.line("") + &mallory.line("")));
    release(&folder, &mallory, &["--to", "10"]);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    let shows =
        ["error [approvers-changed]", "added mallory (ssh-ed25519 SHA256:", "error [widens] x", "not in the list"];
    expect(&ran, 1, &shows);
    // By the list of the head, the release is valid.
    expect(&folder.run(&["check"]), 0, &["0 errors"]);
}

#[test]
fn a_change_cannot_weaken_its_gate() {
    let alice = Person::new("alice");
    let bob = Person::new("bob");
    let flags = SIGNED.to_owned() + "humans = 2\n";
    let folder = repository(&flags, &(alice.line("") + &bob.line("")));
    edit(&folder, "flags.toml", "humans = 2", "humans = 1");
    release(&folder, &alice, &["--to", "10"]);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    expect(&ran, 1, &["error [gate-weakened] gate g: fewer people", "error [widens] x"]);

    let folder = repository(SIGNED, &alice.line(""));
    edit(&folder, "flags.toml", "confirm = \"signed\"", "confirm = \"terminal\"");
    folder.write("flags.prod.toml", "[flags.x]\non = true\n");
    commit(&folder);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 1, &["error [gate-weakened] gate g", "error [widens] x"]);
}

#[test]
fn an_expired_key_approves_nothing_that_is_newer() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line("valid-before=\"20200101Z\""));
    let list = folder.read(".flagkit/approvers");
    folder.write(".flagkit/approvers", &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    folder.write(".flagkit/approvers", &list);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    expect(&ran, 1, &["error [widens] x", "a key that is not valid at the time of the approval"]);
}

#[test]
fn approvals_from_before_the_end_of_a_key_stay_valid() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    folder.write(".flagkit/approvers", &alice.line("valid-before=\"29990101Z\""));
    commit(&folder);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["warning [approvers-changed]", "valid before 2999-01-01"]);
}

#[test]
fn an_approver_who_was_removed_does_not_count_any_more() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let folder = repository(SIGNED, &(alice.line("") + &bob.line("")));
    release(&folder, &alice, &["--to", "10"]);
    folder.write(".flagkit/approvers", &bob.line(""));
    commit(&folder);
    let ran = folder.run(&["check", "--base", "HEAD~1"]);
    let shows = ["warning [approvers-changed] the list changed since HEAD~1: removed alice", "error [unapproved] x"];
    expect(&ran, 1, &shows);
    expect(&ran, 1, &["a person who is not in the list of approvers"]);
}

#[test]
fn a_moved_flag_file_is_compared_with_its_former_list() {
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let folder = repository(SIGNED, &alice.line(""));
    fs::create_dir(folder.path("config")).expect("a folder");
    for name in ["flags.toml", "flags.prod.toml", ".flagkit"] {
        fs::rename(folder.path(name), folder.path("config").join(name)).expect("moved");
    }
    let file = ["--file", "config/flags.toml"];
    let check = ["check", "--base", "HEAD~1"];
    commit(&folder);
    expect(&folder.run(&[&check[..], &file].concat()), 0, &["compared with flags.toml", "0 errors"]);
    // The list beside the moved file is another one.
    folder.write("config/.flagkit/approvers", &mallory.line(""));
    let (code, screen) = mallory.go(&folder, &[&["x", "--env", "prod", "--to", "10"], &file[..]].concat());
    assert_eq!(code, 0, "{screen}");
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-q", "--amend", "--no-edit"]);
    let ran = folder.run(&[&check[..], &file].concat());
    expect(&ran, 1, &["error [approvers-changed]", "added mallory", "removed alice", "error [widens] x"]);
}

#[test]
fn a_flag_that_is_on_under_a_terminal_gate_needs_no_approval() {
    let alice = Person::new("alice");
    let folder = repository("[flags]\nx = false\n", &alice.line(""));
    folder.write("flags.prod.toml", "[flags]\nx = true\n");
    let ungated = || ("ungated".to_owned(), "warning".to_owned());
    assert_eq!(rules(&folder, &[]), [ungated()]);
    assert_eq!(rules(&folder, &["--base", "HEAD"]), [ungated(), ("widens".to_owned(), "error".to_owned())]);
}
