//! The words for who sees a flag through its rules.

use crate::support::Folder;

/// The summary of a dry `go` to 0 % for a flag with these rules, and the text of a revert to 0 %.
fn texts(rules: &str) -> [String; 2] {
    let flag =
        |on: bool| format!("[flags.x]\non = {on}\nrollout = 50\n{rules}\n[segments.staff]\nincluded = [\"u1\"]\n");
    let folder = Folder::with("flags.toml", &flag(false));
    let go = folder.run(&["go", "x", "--to", "0", "--dry-run"]);
    folder.write("flags.toml", &flag(true));
    let revert = folder.run(&["revert", "x", "--to", "0"]);
    assert_eq!((go.code, revert.code), (0, 0), "{go:?} {revert:?}");
    [go.out, revert.out]
}

#[test]
fn a_rule_that_matches_every_subject_is_named() {
    for (rules, will, still) in [
        (
            "rules = [{ name = \"all\" }]",
            "Everyone will see it, by rule 0, which matches every subject.",
            "everyone still sees it, by rule 0, which matches every subject;",
        ),
        (
            "rules = [{ segment = \"staff\" }, { rollout = 100 }]",
            "Everyone will see it, by rule 1, which matches every subject.",
            "everyone still sees it, by rule 1",
        ),
        (
            "rules = [{ segment = \"staff\", rollout = 10 }, {}]",
            "Everyone that no earlier rule excludes will see it, by rule 1",
            "everyone that no earlier rule excludes still sees it, by rule 1",
        ),
        (
            "rules = [{ rollout = 25 }]",
            "25% of all subjects will see it, by rule 0, which matches every subject.",
            "25% of all subjects still see it, by rule 0",
        ),
        (
            "rules = [{ segment = \"staff\" }]",
            "Only subjects that a rule includes will see it.",
            "only subjects that a rule includes still see it;",
        ),
        ("rules = [{ segment = \"staff\", rollout = 0 }]", "No one will see it.", "no one still sees it;"),
    ] {
        let [go, revert] = texts(rules);
        assert!(go.contains(will), "{rules}: {go}");
        assert!(revert.contains(still), "{rules}: {revert}");
    }
}

#[test]
fn a_rollout_beneath_such_a_rule_is_said_to_have_no_effect() {
    let folder = Folder::with("flags.toml", "[flags.x]\non = true\nrollout = 0\nrules = [{ rollout = 25 }]\n");
    let ran = folder.run(&["go", "x", "--to", "50", "--dry-run"]);
    assert!(ran.out.contains("The rollout of the flag applies to no one."), "{ran:?}");
    assert!(ran.out.contains("25% of all subjects see it now, by rule 0"), "{ran:?}");
    assert!(!ran.out.contains("match no rule"), "{ran:?}");
}
