//! `approvers list` and `approvers verify`.

use super::{Person, SIGNED, edit, expect, release, repository};

#[test]
fn the_list_shows_each_key_and_each_rejected_line() {
    let (alice, bob) = (Person::new("alice"), Person::with_key("bob", &["-t", "ecdsa"]));
    let list = format!("# flagkit: humans = 2\n{}{}", alice.line("valid-before=\"29990101Z\""), bob.line(""));
    let folder = repository(SIGNED, &list);
    let ran = folder.run(&["approvers", "list"]);
    expect(&ran, 0, &["alice  ssh-ed25519", "SHA256:", "before 2999-01-01", "bob    ecdsa-sha2-nistp256"]);
    expect(&ran, 0, &["each flag needs at least 2 people, signed"]);
    folder.write(".flagkit/approvers", &(list + "mallory* ssh-ed25519 AAAA\n"));
    let ran = folder.run(&["approvers", "list"]);
    expect(&ran, 1, &["rejected .flagkit/approvers:4: a name is a pattern"]);

    let data = &folder.json(&["approvers", "list"])["data"];
    assert_eq!(data["floor"], serde_json::json!({ "confirm": "signed", "humans": 2 }));
    assert_eq!((&data["approvers"][1]["line"], &data["approvers"][1]["names"][0]), (&3.into(), &"bob".into()));
    assert_eq!((&data["rejected"][0]["line"], &data["path"]), (&4.into(), &".flagkit/approvers".into()));
    // `ssh-keygen` prints the same fingerprint.
    let mut command = std::process::Command::new("ssh-keygen");
    let output = command.args(["-l", "-f"]).arg(alice.key()).output().expect("ssh-keygen runs");
    let fingerprint = data["approvers"][0]["fingerprint"].as_str().expect("a text");
    assert!(String::from_utf8_lossy(&output.stdout).contains(fingerprint), "{fingerprint}");
}

#[test]
fn a_list_that_is_missing_or_invalid_is_a_failure() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    folder.remove(".flagkit/approvers");
    for arguments in [&["approvers", "list"][..], &["approvers", "verify"]] {
        expect(&folder.run(arguments), 8, &[".flagkit/approvers: there is no such file", "help: write a line"]);
    }
    folder.write(".flagkit/approvers", "alice\n");
    expect(&folder.run(&["approvers", "list"]), 1, &["no line has a valid approver", "line 1: it has no key"]);
}

#[test]
fn verify_shows_each_approval_and_fails_without_enough() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    let prod = ["approvers", "verify", "--env", "prod"];
    expect(&folder.run(&prod), 0, &["no flag needs an approval", "for the environment prod"]);
    release(&folder, &alice, &["--to", "10"]);
    let ran = folder.run(&prod);
    expect(&ran, 0, &["x  10%  approved (1 person, signed)", "  alice  to 10%  serial ", "valid, signed"]);
    expect(&folder.run(&["approvers", "verify", "x"]), 0, &["x  off  needs no approval"]);
    expect(&folder.run(&["approvers", "verify", "y"]), 2, &["cannot find flag \"y\""]);

    edit(&folder, "flags.toml", "description", "salt = \"s\"\ndescription");
    let ran = folder.run(&prod);
    expect(
        &ran,
        6,
        &["x  10%  not approved (needs 1 person, signed): 0 of 1 valid approvals", "invalid: a signature of"],
    );
    let flag = &folder.json(&prod)["data"]["flags"][0];
    assert_eq!((&flag["approved"], &flag["approvals"][0]["valid"]), (&false.into(), &false.into()), "{flag}");
    assert_eq!((&flag["approvals"][0]["by"], &flag["approvals"][0]["to"]), (&"alice".into(), &"10%".into()));
}

#[test]
fn verify_fails_for_a_flag_that_is_on_without_a_signed_gate() {
    let alice = Person::new("alice");
    let folder = repository("[flags]\nx = true\n", &alice.line(""));
    // A program that requires approvals keeps this flag dark, whatever its gate says.
    expect(&folder.run(&["approvers", "verify"]), 6, &["x  on  not approved", "no approval of \"on\"", "default"]);
}
