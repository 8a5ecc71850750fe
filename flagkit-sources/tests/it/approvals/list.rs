//! A list of approvers that no program can use fails the start. A line that does not count is a warning.

use std::time::{Duration, UNIX_EPOCH};

use flagkit_core::source::{ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::Approvers;

use crate::support::approvals::{DEFINITION, ENV, Person, Signed, document, refusal, start, statement};
use crate::support::builder;

fn error(list: &str) -> String {
    let error = builder().require_approvals(list, ENV).start().expect_err("the start fails");
    assert!(error.is_invalid_approvers());
    error.to_string()
}

#[test]
fn a_list_without_a_valid_line_fails_the_start() {
    assert_eq!(error(""), "cannot use the list of approvers: no line has a valid approver");
    let key = Person::new("alice", 1).public_key();
    let text = error(&format!("\n* {key}\nalice ssh-ed25519 AAAA\n"));
    assert!(text.contains("\n  line 2: a name is a pattern") && text.contains("\n  line 3: the key"), "{text}");
}

#[test]
fn an_invalid_comment_of_flagkit_fails_the_start() {
    let line = Person::new("alice", 1).line();
    for (comment, reason) in [
        ("# flagkit: humans = 0", "humans: got \"0\", expected 1 to 10"),
        ("# flagkit: humans = 11", "humans: got \"11\", expected 1 to 10"),
        ("# flagkit: humans = two", "humans: got \"two\", expected 1 to 10"),
        ("# flagkit: confirm = touch", "confirm: got \"touch\""),
        ("# flagkit: confirm = \"pin\"", "confirm: got \"\\\"pin\\\"\""),
        ("# flagkit: human = 2", "got \"human\", expected `humans` or `confirm`"),
        ("#FlagKit: humans: 2", "expected `humans` or `confirm`"),
        ("# flagkit:", "got \"\", expected `humans` or `confirm`"),
        ("# flagkit: humans = 2\n# flagkit: humans = 1", "humans is set twice"),
        ("# flagkit humans = 2", "got \"flagkit humans = 2\", expected a comment such as `# flagkit: humans = 2`"),
        ("# FLAGKIT\u{a0}humans = 2", "expected a comment such as"),
        ("#\u{200b}flagkit humans = 2", "expected a comment such as"),
        ("# flagkit-humans: 2", "got \"flagkit-humans: 2\""),
        ("# flagkit needs no comment", "got \"flagkit needs no comment\""),
        ("flagkit: humans = 2", "a comment begins with `#`"),
        ("// flagkit: humans = 2", "a comment begins with `#`"),
    ] {
        let text = error(&format!("{line}{comment}\n"));
        assert!(text.contains("a comment of flagkit is invalid") && text.contains(reason), "{text}");
    }
}

#[test]
fn a_comment_of_flagkit_after_a_key_fails_the_start() {
    let line = Person::new("alice", 1).line();
    for comment in ["# flagkit: humans = 2", "laptop #FLAGKIT:humans=2", "# a note # flagkit: humans = 2", "# flagkit"]
    {
        let text = error(&format!("{} {comment}\n", line.trim_end()));
        assert!(text.contains("line 1: a comment of flagkit needs a line of its own"), "{text}");
    }
    // `ssh-keygen -C flagkit-approval` writes such a comment.
    assert!(Approvers::parse(&format!("{} flagkit-approval # laptop\n", line.trim_end())).is_ok());
}

#[test]
fn comments_set_a_minimum() {
    let line = Person::new("alice", 1).line();
    for (comments, confirmation, humans) in [
        ("# the list of flagkit\n#\n", Confirmation::Signed, 1),
        ("# flagkit : humans = 2\n", Confirmation::Signed, 2),
        ("##\u{200b} FlagKit: humans = 2\n", Confirmation::Signed, 2),
        ("# flagkit: humans = 2\n", Confirmation::Signed, 2),
        ("#flagkit:confirm=\"touch+pin\"\n# flagkit: humans=3", Confirmation::TouchAndPin, 3),
        ("# flagkit: confirm = \"terminal\"", Confirmation::Signed, 1),
    ] {
        let approvers = Approvers::parse(&format!("{line}{comments}")).expect("valid");
        assert_eq!(approvers.floor(), ApprovalRequirement { confirmation, humans }, "{comments}");
    }
    // A list without such a comment applies only where a gate or a program requires approvals.
    for (comment, is_stated) in [
        ("", false),
        ("# flagkit: confirm = \"terminal\"", false),
        ("# flagkit: confirm = \"signed\"", true),
        ("# flagkit: humans = 1", true),
    ] {
        let approvers = Approvers::parse(&format!("{line}{comment}")).expect("valid");
        assert_eq!(approvers.states_floor(), is_stated, "{comment}");
    }
}

#[test]
fn a_rejected_line_is_a_warning_and_the_others_count() {
    let alice = Person::new("alice", 1);
    let list = format!("{}bob namespaces=\"git\" {}\n", alice.line(), Person::new("bob", 2).public_key());
    let approval = Signed::new(&statement(DEFINITION, "10%"), &alice);
    let (_dir, guard) = start(&list, &document(DEFINITION, &[approval]));
    assert_eq!(refusal(&guard), None);
    let status = guard.flags().status();
    let source = status.sources.last().expect("the source of approvals");
    assert_eq!(source.provenance.as_str(), "approvals:prod");
    let expected = "the list of approvers has a line that does not count: line 2: the namespaces \"git\" do not include \
                    \"flagkit-approval\"";
    assert_eq!(source.warnings.iter().map(|warning| &**warning).collect::<Vec<_>>(), [expected]);
}

#[test]
fn each_rejected_line_has_its_reason() {
    let alice = Person::new("alice", 1);
    let key = alice.public_key();
    let (key_type, data) = key.split_once(' ').expect("a type and data");
    for (line, reason) in [
        (format!("a,,b {key}"), "a name is empty"),
        (format!("\"a b\" {key}"), "a name has a quote or a backslash"),
        (format!("alice\u{200b} {key}"), "a name has a character that is not printable ASCII: \"alice\\u{200b}\""),
        (format!("alice\u{a0} {key}"), "not printable ASCII: \"alice\\u{a0}\""),
        (format!("a,al\u{131}ce {key}"), "not printable ASCII: \"al\u{131}ce\""),
        (format!("a\u{7} {key}"), "not printable ASCII: \"a\\u{7}\""),
        (format!("a restrict {key}"), "the option \"restrict\" is unknown"),
        (format!("a cert-authority {key}"), "a certificate authority cannot approve"),
        (format!("a valid-before=\"20260101\",valid-before=\"20270101\" {key}"), "\"valid-before\" is repeated"),
        (format!("a valid-before=\"20260101\", {key}"), "the options end with a comma"),
        (format!("a valid-before=\"20260101\"namespaces=\"x\" {key}"), "expected a comma"),
        (format!("a valid-before=20260101 {key}"), "has no value in quotes"),
        (format!("a valid-before=\"tomorrow\" {key}"), "valid-before: got \"tomorrow\", expected YYYYMMDD"),
        (format!("a valid-before=\"20260101\",valid-after=\"20260101\" {key}"), "the key is never valid"),
        (format!("a namespaces=\"\" {key}"), "do not include"),
        ("a valid-before=\"20260101\"".into(), "it has no key"),
        ("a".into(), "it has no key"),
        (format!("a {key_type}"), "unsupported or damaged"),
        (format!("a ssh-rsa {data}"), "unsupported or damaged"),
        (format!("a ssh-dss {data}"), "unsupported or damaged"),
        (format!("a {key_type} {}", &data[..data.len() - 4]), "unsupported or damaged"),
        (format!("a hello {key_type}"), "the option \"hello\" is unknown"),
    ] {
        let approvers = Approvers::parse(&format!("{}{line}\n", alice.line())).expect("one line is valid");
        assert_eq!(approvers.entries().len(), 1, "{line}");
        let rejected = &approvers.rejected()[0];
        assert!(rejected.line() == 2 && rejected.reason().contains(reason), "{line}: {rejected}");
    }
}

#[test]
fn the_list_shows_when_a_key_is_valid() {
    let key = Person::with_fido("alice", 1, 0).public_key();
    let list = format!("alice,a valid-after=\"19700102\",valid-before=\"197001020000Z\" {key} laptop\n");
    assert!(Approvers::parse(&list).is_err(), "it is never valid");
    let list = list.replace("197001020000Z", "19700102000001");
    let approvers = Approvers::parse(&list).expect("valid");
    let approver = &approvers.entries()[0];
    let day = Duration::from_secs(86_400);
    assert_eq!(approver.valid_after(), Some(UNIX_EPOCH + day));
    assert_eq!(approver.valid_before(), Some(UNIX_EPOCH + day + Duration::from_secs(1)));
    assert!(approver.is_hardware_key() && approver.comment() == "laptop" && approver.line() == 1);
}

#[test]
fn the_name_of_an_environment_is_checked() {
    let list = Person::new("alice", 1).line();
    for name in ["", "a/b", "..", ".a", "a b", "a\n", "ä", &"a".repeat(65)] {
        let error = builder().require_approvals(&list, name).start().expect_err("the start fails");
        assert!(error.is_invalid_environment(), "{name:?}: {error}");
    }
    assert!(builder().require_approvals(&list, "eu-west_1.prod").start().is_ok());
}
