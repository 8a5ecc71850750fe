//! `list`, `show`, `eval` and `explain` verify approvals as a program that requires them.

use super::{Person, SIGNED, edit, expect, release, repository};
use crate::support::Folder;

/// `x` is released to everyone in `prod`.
fn released() -> (Folder, Person) {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "100"]);
    (folder, alice)
}

#[test]
fn an_approved_flag_is_on_and_the_output_names_the_list() {
    let (folder, _alice) = released();
    let verified = "verified with .flagkit/approvers";
    expect(&folder.run(&["eval", "x", "--env", "prod"]), 0, &["x is on", verified]);
    expect(&folder.run(&["explain", "x", "--env", "prod"]), 0, &["x is on", verified]);
    let list = folder.run(&["list", "--env", "prod"]);
    expect(&list, 0, &[verified]);
    assert!(!list.out.contains("not approved"), "{list:?}");
    let show = folder.run(&["show", "x"]);
    expect(
        &show,
        0,
        &["approvals, verified with .flagkit/approvers\n  prod  ", "  alice  to on  serial ", "valid, signed"],
    );
    let data = &folder.json(&["show", "x", "--env", "prod"])["data"];
    assert_eq!((&data["approvals"][0]["by"], &data["approvals"][0]["valid"]), (&"alice".into(), &true.into()));
}

#[test]
fn a_flag_that_is_not_approved_is_dark_and_every_command_says_why() {
    let (folder, _alice) = released();
    edit(&folder, "flags.toml", "description", "salt = \"s\"\ndescription");
    let reason = "0 of 1 valid approvals (alice: a signature of another statement";
    for command in ["eval", "explain"] {
        let ran = folder.run(&[command, "x", "--env", "prod"]);
        expect(&ran, 0, &["x is off: no approval covers it", "  not approved: ", reason]);
        assert_eq!(ran.out.matches("not approved").count(), 1, "{ran:?}");
        let data = &folder.json(&[command, "x", "--env", "prod"])["data"];
        assert_eq!((&data["reason"], &data["approvers"]), (&"unapproved".into(), &".flagkit/approvers".into()));
        assert!(data["refusal"].as_str().is_some_and(|refusal| refusal.starts_with("0 of 1")), "{data}");
    }
    expect(&folder.run(&["list", "--env", "prod"]), 0, &["x     on, not approved", "not approved x: 0 of 1 valid"]);
    expect(
        &folder.run(&["show", "x", "--env", "prod"]),
        0,
        &["x  on, not approved", "invalid: a signature of another"],
    );
    let batch = folder.run_with(&["eval", "--stdin", "--env", "prod"], "{\"flag\":\"x\"}\n");
    expect(&batch, 0, &["\"on\":false,\"reason\":\"unapproved\""]);
    // An override can only narrow.
    let mut command = folder.command(&["eval", "x", "--env", "prod"]);
    command.env("FLAG_X", "on");
    expect(&crate::support::ended(command), 0, &["x is off: no approval covers it"]);
}

#[test]
fn without_a_list_or_with_named_sources_nothing_is_verified() {
    let (folder, _alice) = released();
    edit(&folder, "flags.toml", "description", "salt = \"s\"\ndescription");
    let named = folder.run(&["eval", "x", "--source", "file:flags.toml", "--source", "file:flags.prod.toml"]);
    assert_eq!((named.code, named.out.lines().count()), (0, 1), "{named:?}");
    folder.remove(".flagkit/approvers");
    let ran = folder.run(&["eval", "x", "--env", "prod"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{ran:?}");
    expect(&folder.run(&["show", "x", "--env", "prod"]), 0, &["not verified: there is no .flagkit/approvers"]);
}

#[test]
fn a_list_without_approvals_and_signed_gates_changes_no_output() {
    let folder = repository("[flags]\nx = true\n", "");
    folder.remove(".flagkit/approvers");
    let commands = [&["list"][..], &["show", "x"], &["eval", "x"], &["explain", "x"], &["--json", "list"]];
    let outputs = || commands.map(|arguments| folder.run(arguments).out);
    let before = outputs();
    folder.write(".flagkit/approvers", &Person::new("alice").line(""));
    assert_eq!(outputs(), before);
}

#[test]
fn a_list_that_no_program_can_use_fails_the_commands() {
    let (folder, _alice) = released();
    folder.write(".flagkit/approvers", "# no one\n");
    for arguments in [&["list"][..], &["show", "x"], &["eval", "x"], &["explain", "x"]] {
        expect(&folder.run(arguments), 1, &[".flagkit/approvers: cannot use the list of approvers"]);
    }
}
