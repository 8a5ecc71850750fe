//! `check` without a base: the present list and the flags that are on.

use super::{Person, SIGNED, expect, release, repository, rules};

#[test]
fn a_signed_gate_needs_a_list() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    folder.remove(".flagkit/approvers");
    let shows = ["flags.toml:4:7: error [approvers] gate g requires signatures, and there is no .flagkit/approvers"];
    expect(&folder.run(&["check"]), 1, &shows);
    // Without a flag that has the gate, no list is needed.
    folder.write("flags.toml", "[flags]\nx = false\n[gate.g]\nconfirm = \"signed\"\n");
    assert_eq!(rules(&folder, &[]), []);
}

#[test]
fn each_rejected_line_is_an_error_with_its_number() {
    let (alice, weak) = (Person::new("alice"), Person::with_key("weak", &["-t", "rsa", "-b", "2048"]));
    let pattern = format!("*@example.com {}\n", alice.public_key());
    let authority = alice.line("cert-authority");
    let folder = repository(SIGNED, &format!("# people\n{}{}{pattern}{authority}", alice.line(""), weak.line("")));
    let ran = folder.run(&["check"]);
    expect(&ran, 1, &[".flagkit/approvers:3:1: error [approvers] the line is rejected: the RSA key has 2048 bits"]);
    expect(&ran, 1, &[".flagkit/approvers:4:1: error [approvers] the line is rejected: a name is a pattern"]);
    expect(&ran, 1, &[".flagkit/approvers:5:1: error [approvers] the line is rejected: a certificate authority"]);
    let github = folder.run(&["check", "--format", "github"]);
    expect(&github, 1, &["::error file=.flagkit/approvers,line=3,col=1,title=flagkit approvers::the line is rejected"]);
    let sarif = folder.run(&["check", "--format", "sarif"]);
    expect(&sarif, 1, &["\"ruleId\":\"approvers\"", "\"uri\":\".flagkit/approvers\""]);
}

#[test]
fn a_list_that_no_program_can_use_is_an_error() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &format!("{}# flagkit: peopel = 2\n", alice.line("")));
    let shows = [".flagkit/approvers:2:1: error [approvers] cannot use the list of approvers"];
    expect(&folder.run(&["check"]), 1, &shows);
    folder.write(".flagkit/approvers", "# no one\n");
    let shows =
        [".flagkit/approvers: error [approvers] cannot use the list of approvers: no line has a valid approver"];
    expect(&folder.run(&["check"]), 1, &shows);
    folder.remove(".flagkit/approvers");
    std::fs::create_dir(folder.path(".flagkit/approvers")).expect("a folder");
    expect(&folder.run(&["check"]), 1, &["error [approvers] cannot read the list: got a directory"]);
}

#[test]
fn a_list_needs_the_people_that_its_gates_require() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let flags = SIGNED.to_owned() + "humans = 2\n";
    let folder = repository(&flags, &alice.line(""));
    let one = "error [approvers] gate g requires 2 people, and 1 person has valid keys";
    expect(&folder.run(&["check"]), 1, &[one]);
    // Neither a second key, nor a second name, nor an expired key is a second person.
    let second = Person::new("alice");
    for list in [
        alice.line("") + &second.line(""),
        alice.line("") + &format!("alicia {}\n", alice.public_key()),
        alice.line("") + &bob.line("valid-before=\"20200101Z\""),
    ] {
        folder.write(".flagkit/approvers", &list);
        expect(&folder.run(&["check"]), 1, &[one]);
    }
    folder.write(".flagkit/approvers", &format!("# flagkit: humans = 2\n{}{}", alice.line(""), bob.line("")));
    assert_eq!(rules(&folder, &[]), []);
    folder.write(".flagkit/approvers", &(alice.line("") + &bob.line("")));
    folder.write("flags.toml", &SIGNED.replace("signed", "touch"));
    expect(&folder.run(&["check"]), 1, &["gate g requires 1 person, and 0 people have valid hardware keys"]);
    folder.write(".flagkit/approvers", &format!("# flagkit: humans = 3\n{}{}", alice.line(""), bob.line("")));
    folder.write("flags.toml", SIGNED);
    expect(&folder.run(&["check"]), 1, &["the list requires 3 people, and 2 people have valid keys"]);
}

#[test]
fn a_gate_that_requires_more_than_the_list_is_a_warning() {
    let (alice, bob) = (Person::new("alice"), Person::with_key("bob", &["-t", "ed25519"]));
    let list = alice.line("") + &bob.line("");
    let folder = repository(&(SIGNED.to_owned() + "humans = 2\n"), &list);
    let shows = [
        ".flagkit/approvers: warning [approver-floor] gate g requires 2 people, signed, and the list requires 1 person, \
         signed: a program requires no more than the list does if a document leaves the gate out",
        "help: to require it of each flag, add the line `# flagkit: humans = 2` to the list",
    ];
    expect(&folder.run(&["check"]), 0, &shows);
    folder.write("flags.toml", &SIGNED.replace("\"signed\"", "\"touch\"\nhumans = 2"));
    let shows = ["add the lines `# flagkit: humans = 2` and `# flagkit: confirm = \"touch\"` to the list"];
    expect(&folder.run(&["check"]), 1, &shows);
    folder.write("flags.toml", &(SIGNED.to_owned() + "humans = 2\n"));
    folder.write(".flagkit/approvers", &format!("# flagkit: humans = 2\n{list}"));
    assert_eq!(rules(&folder, &[]), []);
}

#[test]
fn a_flag_that_is_on_without_a_signed_gate_is_a_warning() {
    let alice = Person::new("alice");
    let folder = repository("[flags.x]\n", &alice.line(""));
    assert_eq!(rules(&folder, &[]), []);
    folder.write("flags.prod.toml", "[flags]\nx = true\n");
    let shows = [
        "flags.prod.toml:2:1: warning [ungated] x is on in prod, and no gate requires signatures of it: a program that \
         requires approvals keeps it dark",
        "help: give it a gate with `confirm = \"signed\"`",
    ];
    expect(&folder.run(&["check"]), 0, &shows);
    folder.write("flags.toml", "[flags.x]\nallow = { ungated = \"tests only\" }\n");
    assert_eq!(rules(&folder, &[]), []);
    // A project without a list does not use approvals.
    folder.write("flags.toml", "[flags.x]\n");
    folder.remove(".flagkit/approvers");
    assert_eq!(rules(&folder, &[]), []);
}

#[test]
fn a_gate_that_an_environment_names_is_found_before_anybody_signs() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    // Without gates of its own, the file may name one of the declared file.
    folder.write("flags.prod.toml", "[flags.x]\ngate = \"g\"\n");
    assert_eq!(rules(&folder, &[]), []);
    release(&folder, &alice, &["--to", "10"]);
    expect(&folder.run(&["approvers", "verify", "--env", "prod"]), 0, &["x  10%  approved"]);
    for (text, message) in [
        ("[flags.x]\ngate = \"gg\"\n", "flags.prod.toml:1:8: {} flags.x.gate: got \"gg\", expected the name of a gate"),
        ("[flags.x]\ngate = \"g\"\n[gate.h]\n", "flags.prod.toml:1:8: {} flags.x.gate: got \"g\", expected the name"),
        ("[flags.x]\ngate = 1\n", "flags.prod.toml:1:8: {} flags.x.gate: got 1, expected the name of a gate"),
        ("[flags]\n[defaults]\ngate = \"h\"\n", "flags.prod.toml:3:1: {} defaults.gate: got \"h\", expected the name"),
    ] {
        folder.write("flags.prod.toml", text);
        expect(&folder.run(&["check"]), 1, &[&message.replace("{}", "error [gate]")]);
        let request = folder.run(&["request", "x", "--env", "prod", "--to", "10"]);
        expect(&request, 3, &["cannot widen x: the flag has problems", &message.replace("{} ", "")]);
    }
}

#[test]
fn a_key_that_ends_within_two_weeks_is_a_warning() {
    let alice = Person::new("alice");
    let day = |days: i64| {
        let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        format!("valid-before=\"{}Z\"", day.strftime("%Y%m%d"))
    };
    let folder = repository(SIGNED, &alice.line(&day(10)));
    let shows = [".flagkit/approvers:1:1: warning [approver-expires] the key of alice is valid until"];
    expect(&folder.run(&["check"]), 0, &shows);
    folder.write(".flagkit/approvers", &alice.line(&day(20)));
    assert_eq!(rules(&folder, &[]), []);
}

#[test]
fn an_approval_counts_for_one_environment_and_one_flag() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    assert_eq!(rules(&folder, &[]), []);
    // The same state and approval in another environment.
    folder.write("flags.staging.toml", &folder.read("flags.prod.toml"));
    let shows = ["flags.staging.toml:", "error [unapproved] x is 10% in staging, and not approved: 0 of 1 valid"];
    expect(&folder.run(&["check"]), 1, &shows);
    expect(&folder.run(&["check", "--env", "prod"]), 0, &["0 errors"]);
    folder.remove("flags.staging.toml");
    // A wider state than the approved one.
    let text = folder.read("flags.prod.toml");
    let (_, approval) = text.split_once("[[flags.x.approval]]").expect("an approval");
    let wider = "[flags.x]\non = true\nrollout = 11\n[[flags.x.approval]]";
    folder.write("flags.prod.toml", &format!("{wider}{approval}"));
    let shows = ["error [unapproved] x is 11% in prod", "an approval of \"10%\", which does not cover \"11%\""];
    expect(&folder.run(&["check"]), 1, &shows);
}
