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
    folder.write(".flagkit/approvers", &(alice.line("") + &bob.line("")));
    assert_eq!(rules(&folder, &[]), []);
    folder.write("flags.toml", &SIGNED.replace("signed", "touch"));
    expect(&folder.run(&["check"]), 1, &["gate g requires 1 person, and 0 people have valid hardware keys"]);
    folder.write(".flagkit/approvers", &format!("# flagkit: humans = 3\n{}{}", alice.line(""), bob.line("")));
    folder.write("flags.toml", SIGNED);
    expect(&folder.run(&["check"]), 1, &["the list requires 3 people, and 2 people have valid keys"]);
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
