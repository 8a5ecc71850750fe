//! Who approves, how many, and what a program accepts.

use std::process::{Command, Stdio};

use super::team::{ONE, REQUEST, Team, quiet, two};
use crate::support::Folder;

#[test]
fn a_signed_release_is_accepted_by_a_program() {
    let team = Team::new(ONE);
    assert!(!team.is_live("flags.toml", None));
    let (code, screen) = team.go("alice", &[]);
    assert!(code == 0 && screen.contains("to undo: flagkit revert pay"), "{screen}");
    let text = team.flags();
    assert!(
        text.starts_with(
            "# The flags.\n[flags.pay]   # by card\non = true    # dark\ngate = \"people\"\n[[flags.pay.approval]]\n"
        ),
        "{text}"
    );
    assert!(
        text.ends_with("\n-----END SSH SIGNATURE-----\n\"\"\"\n\n# The gates.\n[gate.people]\nconfirm = \"signed\"\n"),
        "{text}"
    );
    assert!(team.is_live("flags.toml", None));
    assert!(!team.is_live_with(&team.line("bob", "", "bob"), "flags.toml", None), "another program trusts only Bob");
    let entry = &team.folder.entries()[0];
    assert_eq!((&entry["verb"], &entry["approved"][0]["by"]), (&"go".into(), &"alice@example.com".into()), "{entry}");
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
    assert!(team.folder.run(&["log"]).out.contains("approved by alice@example.com"));
    assert!(!team.has_request());

    let ran = team.folder.run(&["revert", "pay"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(team.flags(), ONE);
    assert!(!team.is_live("flags.toml", None));
}

#[test]
fn every_form_of_a_flag_gets_approvals_and_loses_them() {
    let gate = "\n[gate.people]\nconfirm = \"signed\"\n\n[defaults]\ngate = \"people\"\n";
    for flags in [
        format!("[flags]\npay = false   # why\nother = true\n{gate}"),
        format!("[flags]\npay = {{ on = false }} # why\n{gate}"),
        format!("flags.pay = false\n{gate}"),
        format!("flags = {{ other = true, pay = false }}\n{gate}"),
        format!("[flags.pay]\non = false\n[[flags.pay.rules]]\nsubjects = [\"u1\"]\n{gate}"),
    ] {
        let team = Team::new(&flags);
        for to in [&["--to", "10"][..], &["--to", "100"]] {
            let (code, screen) = team.go("alice", to);
            assert_eq!(code, 0, "{flags}: {screen}");
            let text = team.flags();
            assert_eq!(text.matches("BEGIN SSH SIGNATURE").count(), 1, "{text}");
        }
        assert!(team.is_live("flags.toml", None), "{}", team.flags());
        let ran = team.folder.run(&["revert", "pay", "--to", "10"]);
        assert!(ran.code == 0 && team.flags().contains("SSH SIGNATURE"), "{ran:?}");
        let ran = team.folder.run(&["revert", "--all"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(!team.flags().contains("SSH SIGNATURE") && !team.flags().contains("approval"), "{}", team.flags());
        assert!(!team.is_live("flags.toml", None));
        assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
    }
}

#[test]
fn a_flag_file_in_json_gets_approvals() {
    let team = Team::new("");
    team.folder.remove("flags.toml");
    let flags = "{\n  \"gate\": {\"people\": {\"confirm\": \"signed\"}},\n  \"flags\": {\n    \"pay\": {\n      \"on\": \
                 false,\n      \"gate\": \"people\"\n    }\n  }\n}\n";
    team.folder.write("flags.json", flags);
    let (code, screen) = team.go("alice", &["--file", "flags.json"]);
    assert_eq!(code, 0, "{screen}");
    assert!(team.is_live("flags.json", None), "{}", team.folder.read("flags.json"));
    assert_eq!(team.folder.run(&["revert", "pay", "--file", "flags.json"]).code, 0);
    assert_eq!(team.folder.read("flags.json"), flags);
}

#[test]
fn an_approval_is_for_one_environment() {
    let team = Team::new(ONE);
    let (code, screen) = team.go("alice", &["--env", "prod"]);
    assert_eq!(code, 0, "{screen}");
    assert_eq!(team.flags(), ONE);
    assert!(team.is_live("flags.toml", Some("prod")), "{}", team.folder.read("flags.prod.toml"));
    team.folder.write("flags.test.toml", &team.folder.read("flags.prod.toml"));
    assert!(!team.is_live("flags.toml", Some("test")), "a copied approval");
}

#[test]
fn two_people_release_a_flag() {
    let team = Team::new(&two());
    let (code, screen) = team.go("alice", &["--to", "50"]);
    assert_eq!(code, 5, "{screen}");
    assert!(screen.contains("1 of 2 people approved pay to 50%: alice@example.com; nothing is live yet"), "{screen}");
    assert!(screen.contains("another person runs: flagkit go pay --to 50\n"), "{screen}");
    assert_eq!(team.flags(), two());
    assert!(team.has_request() && team.folder.entries().is_empty());
    // The second person need not repeat the percentage.
    let (code, screen) = team.go("bob", &[]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Approved by alice@example.com at 20"), "{screen}");
    assert!(screen.contains("You approve it as bob@example.com, with the key SHA256:"), "{screen}");
    assert!(screen.contains("pay is now 50% (was off)"), "{screen}");
    let text = team.flags();
    assert_eq!(text.matches("\nto = \"50%\"\n").count(), 2, "{text}");
    assert!(!team.has_request());
    let by: Vec<_> = team.folder.entries()[0]["approved"].as_array().expect("people").clone();
    assert_eq!(by.len(), 2, "{by:?}");
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
    let ran = team.folder.run(&["revert", "pay"]);
    assert_eq!((ran.code, team.flags().replace("rollout = 50\n", "")), (0, two()), "{ran:?}");
    // The next release has approvals of its own.
    assert_eq!(team.go("bob", &["--to", "100"]).0, 5);
    assert_eq!(team.go("alice", &["--to", "100"]).0, 0);
    assert!(team.is_live("flags.toml", None));
}

#[test]
fn one_person_cannot_approve_twice() {
    let team = Team::new(&two());
    team.create_key("alice-2");
    let lines = [("alice", "alice"), ("alice", "alice-2"), ("mallory", "alice"), ("bob", "bob")];
    let lines: String = lines.iter().map(|(name, key)| team.line(name, "", key)).collect();
    team.folder.write(".flagkit/approvers", &lines);
    assert_eq!(team.go("alice", &[]).0, 5);
    let request = team.folder.read(REQUEST);
    for key in ["alice", "alice-2"] {
        team.rejected(key, &[], 6, "alice@example.com approved this release already");
    }
    // The same key under another name.
    team.folder.write(".flagkit/approvers", &(team.line("mallory", "", "alice") + &lines));
    team.rejected("alice", &[], 6, "mallory@example.com cannot approve again");
    assert_eq!(team.folder.read(REQUEST), request);
    assert_eq!(team.flags(), two());
    team.folder.write(".flagkit/approvers", &lines);
    assert_eq!(team.go("bob", &[]).0, 0);
}

/// `script` types at a pseudo-terminal. That is enough for `terminal`, and not for a signature.
#[test]
fn a_program_that_types_the_name_passes_only_a_terminal() {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("SKIPPED: there is no `script`");
        return;
    }
    let script = |folder: &Folder, home: &Team| {
        let line = format!("echo pay | script -qec '{} go pay' /dev/null", env!("CARGO_BIN_EXE_flagkit"));
        let mut command = quiet("sh", folder.root());
        command.args(["-c", &line]).env("HOME", home.key("")).env("GIT_CONFIG_NOSYSTEM", "1").env_remove("FLAGKIT_KEY");
        command.status().expect("sh runs").code()
    };
    let team = Team::new(ONE);
    assert_eq!(script(&team.folder, &team), Some(6));
    assert_eq!(team.flags(), ONE);
    let terminal = ONE.replace("\"signed\"", "\"terminal\"");
    let folder = Folder::with("flags.toml", &terminal);
    assert_eq!(script(&folder, &team), Some(0));
    assert_eq!(folder.read("flags.toml"), terminal.replace("on = false", "on = true"));
    assert!(folder.entries()[0].get("approved").is_none());
}

#[test]
fn a_list_can_require_more_than_a_gate() {
    let team = Team::new("[flags]\npay = false\n");
    let lines = team.folder.read(".flagkit/approvers");
    team.folder.write(".flagkit/approvers", &format!("# flagkit: humans = 2\n{lines}"));
    assert_eq!(team.go("alice", &[]).0, 5);
    assert_eq!(team.go("bob", &[]).0, 0);
    assert!(team.is_live("flags.toml", None), "{}", team.flags());
    // Without such a comment, a gate without signatures is as before.
    assert_eq!(team.folder.run(&["revert", "pay"]).code, 0);
    team.folder.write(".flagkit/approvers", &lines);
    assert_eq!(team.go("eve", &[]).0, 0);
    assert!(!team.flags().contains("SIGNATURE") && !team.is_live("flags.toml", None), "{}", team.flags());
}

/// A program that requires approvals keeps every flag without a signature dark, also one without a gate.
#[test]
fn a_list_can_require_a_signature_of_a_flag_without_a_gate() {
    let team = Team::new("[flags]\npay = false\n");
    let floor = format!("# flagkit: confirm = \"signed\"\n{}", team.line("alice", "", "alice"));
    team.folder.write(".flagkit/approvers", &floor);
    team.rejected("eve", &[], 6, "is not in ./.flagkit/approvers");
    assert_eq!(team.go("alice", &[]).0, 0);
    assert!(team.flags().contains("-----BEGIN SSH SIGNATURE-----"), "{}", team.flags());
    assert!(team.is_live("flags.toml", None));
}

#[test]
fn damaged_approvals_never_keep_a_flag_on() {
    let team = Team::new(ONE);
    assert_eq!(team.go("alice", &[]).0, 0);
    let live = team.flags();
    let start = live.find("[[flags.pay.approval]]").expect("an approval");
    let end = live.find("\n# The gates.").expect("the gates");
    let with = |approval: &str| format!("{}{approval}{}", &live[..start], &live[end..]);
    for approval in [
        "approval = 5\n",
        "approval = []\n",
        "approval = [1, { by = 2 }]\n",
        "[flags.pay.approval]\nby = \"alice\"\n",
        "[[flags.pay.approval]]\n",
        "[[flags.pay.approval]] # c\nby = 5\nmore = { a = [\n1] }\n[[flags.pay.approval]]\n\n[flags.pay.approval.inner]\nx = 1\n",
    ] {
        for arguments in [&["revert", "pay"][..], &["revert", "--all"]] {
            let text = with(approval);
            team.folder.write("flags.toml", &text);
            assert!(!team.is_live("flags.toml", None), "{text}");
            let ran = team.folder.run(arguments);
            assert_eq!(ran.code, 0, "{text}\n{ran:?}");
            assert!(!team.is_live("flags.toml", None), "{}", team.flags());
            let read = flagkit_sources::document::Format::Toml.read(team.flags().as_bytes()).expect("a document");
            let flag = read.flags().get("pay").expect("the flag is valid again");
            assert!(!flag.is_enabled(), "{}", team.flags());
        }
    }
}
