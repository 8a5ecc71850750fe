//! Steps of migrations under a signed gate.

use super::{Person, commit, expect, repository};

const FLAGS: &str = "\
[flags.pay]
kind = \"migration\"
stage = \"off\"
gate = \"data\"

[gate.data]
instances = []
drain = \"0s\"
confirm = \"signed\"
";

#[test]
fn a_logged_step_of_a_migration_needs_approvals() {
    let alice = Person::new("alice");
    let folder = repository(FLAGS, &alice.line(""));
    folder.remove("flags.prod.toml");
    folder.write("src/main.rs", "migration! { pub static PAY: \"pay\", range = Full }\n");
    commit(&folder);
    let key = alice.key();
    let mut terminal = folder.terminal(&["migrate", "pay", "advance", "--key", key.to_str().expect("UTF-8")]);
    terminal.wait_for("Type pay to advance it to ");
    terminal.answer("pay");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    commit(&folder);
    let check = ["check", "--base", "HEAD~1"];
    expect(&folder.run(&check), 0, &["0 errors"]);
    expect(&folder.run(&["approvers", "verify", "pay"]), 0, &["pay  dual-write  approved", "alice  to dual-write"]);

    let text = folder.read("flags.toml");
    let (before, rest) = text.split_once("[[flags.pay.approval]]").expect("an approval");
    let (_, after) = rest.split_once("[gate.data]").expect("the gate");
    folder.write("flags.toml", &format!("{before}[gate.data]{after}"));
    let ran = folder.run(&check);
    let reason = "and is not approved: no approval of \"dual-write\"";
    expect(&ran, 1, &["error [widens] pay moved from off to dual-write since HEAD~1, ", reason]);
    assert!(!ran.out.contains("[unapproved]"), "{ran:?}");
    expect(&folder.run(&["check"]), 1, &["error [unapproved] pay is dual-write in default, and not approved"]);
    expect(&folder.run(&["explain", "pay"]), 0, &["not approved: no approval of \"dual-write\"", "verified with"]);
    expect(&folder.run(&["list"]), 0, &["dual-write, not approved"]);
    // A step back needs no one.
    expect(&folder.run(&["migrate", "pay", "back"]), 0, &[]);
    expect(&folder.run(&check), 0, &["0 errors"]);
}
