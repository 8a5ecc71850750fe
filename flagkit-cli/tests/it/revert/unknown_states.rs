//! `revert` of flags with unknown states in running programs, because the file is invalid.
//!
//! A program keeps what it loaded last of a flag or a file that it rejects. Such a flag is not off.

use crate::support::{Folder, Program};

const ON: &str = "[flags]\nother = true\n[flags.pay]\non = true\n";

/// Contents in which the flag `pay` is invalid, or which programs reject as a whole.
const INVALID: [&str; 23] = [
    "[flags.pay]\nenabled = false\n",
    "[flags.pay]\nrollout = 500\n",
    "[flags.pay]\nrollout = \"none\"\n",
    "[flags.pay]\non = \"no\"\n",
    "[flags.pay]\non = 0\n",
    "[flags.pay]\nof = true\nowner = 5\n",
    "[flags.pay]\non = true\n[[flags.pay.rules]]\nif = { plan.unlike = \"x\" }\n",
    "[flags.pay]\non = true\nrules = [{ segment = \"nobody\", rollout = 0 }]\n",
    "[flags.pay]\non = true\nrequires = [\"pay\"]\n",
    "[flags]\npay = 25\n",
    "[flags]\npay = \"off\"\n",
    "flags = { pay = [] }\n",
    "flags.pay.on.off = true\n",
    "[[flags.pay]]\non = false\n",
    "[flags.pay.on]\na = 1\n",
    "[flags]\npay = = false\n",
    "[flags]\npay = false\npay = false\n",
    "[flags]\npay = false\n[flags.pay]\n",
    "[meta]\nflags = 7\n[flags]\npay = false\n",
    "flags = false\n",
    "[flgs]\npay = false\n",
    "[flags.pay]\non = fals",
    "",
];

#[test]
fn a_running_program_turns_the_flag_off() {
    for arguments in [&["revert", "pay"][..], &["revert", "pay", "--to", "10"], &["revert", "--all"]] {
        let runs: Vec<(Folder, Program, &str)> = INVALID
            .iter()
            .map(|text| {
                let folder = Folder::with("flags.toml", ON);
                let program = Program::start(&folder, &["flags.toml"]);
                folder.write("flags.toml", text);
                (folder, program, *text)
            })
            .collect();
        for (folder, program, text) in runs {
            program.wait_for_problem();
            assert!(program.is_on("pay"), "programs keep it: {text:?}");
            let ran = folder.run(arguments);
            assert_eq!(ran.code, 0, "{text:?}: {ran:?}");
            assert!(
                ran.out.contains("turned pay off; its previous state is unknown") || !text.contains("pay"),
                "{text:?}: {ran:?}"
            );
            program.wait_off("pay");
            assert!(program.widened().is_empty(), "{text:?}: {:?}", program.widened());
            let ran = folder.run(&arguments[..2]);
            assert_eq!(ran.code, 0, "{text:?}: {ran:?}");
            assert!(ran.out.contains("already off"), "{text:?}: {ran:?}");
        }
    }
}

#[test]
fn the_other_flags_of_a_rejected_file_stay_as_programs_have_them() {
    let folder = Folder::with("flags.toml", "[flags]\npay = true\nother = true\nquiet = false\n");
    let program = Program::start(&folder, &["flags.toml"]);
    let invalid = "[flags]\npay = true\nother = false\nquiet = true\nmore = = true\n";
    folder.write("flags.toml", invalid);
    program.wait_for_problem();
    let envelope = folder.json(&["revert", "pay"]);
    assert_eq!(envelope["exit"], 0, "{envelope}");
    let kept = envelope["data"]["kept"].as_str().expect("it is kept");
    assert_eq!(folder.read(kept), invalid);
    program.wait_off("pay");
    assert!(program.is_on("other") && !program.is_on("quiet") && !program.is_on("more"));
    let restarted = Program::start(&folder, &["flags.toml"]);
    assert!(!restarted.is_on("pay") && !restarted.is_on("other"), "what a program cannot read is dark");
    assert_eq!(folder.entries().len(), 1);
    assert_eq!(folder.run(&["revert", "--all"]).code, 0);
    program.wait_off("other");
}

#[test]
fn a_percentage_never_widens_an_unknown_state() {
    let folder = Folder::with("flags.toml", "[flags]\npay = \"0.5%\"\n");
    let program = Program::start(&folder, &["flags.toml"]);
    folder.write("flags.toml", "[flags.pay]\non = true\nrollout = 500\n");
    program.wait_for_problem();
    let ran = folder.run(&["revert", "pay", "--to", "50"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("it is off and not 50%, because that may be more than its state now"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), "[flags.pay]\non = false\nrollout = 500\n");
    assert!(program.widened().is_empty(), "{:?}", program.widened());
}

#[test]
fn environments_with_an_invalid_file_or_above_one_can_be_reverted() {
    let on = "[flags]\npay = true\n";
    let invalid = "[flags]\npay = = true\n";
    for (below, above) in [(on, invalid), (invalid, on), (invalid, invalid), ("", ""), ("nonsense", on)] {
        for arguments in [["revert", "pay", "--env", "prod"], ["revert", "--all", "--env", "prod"]] {
            if arguments[1] == "--all" && above.is_empty() {
                continue;
            }
            let folder = Folder::with("flags.toml", on);
            folder.write("flags.prod.toml", on);
            let program = Program::start(&folder, &["flags.toml", "flags.prod.toml"]);
            folder.write("flags.toml", below);
            folder.write("flags.prod.toml", above);
            program.wait_for_problem();
            let ran = folder.run(&arguments);
            assert_eq!(ran.code, 0, "{below:?} {above:?}: {ran:?}");
            program.wait_off("pay");
            assert_eq!(folder.read("flags.toml"), below, "the declaration stays");
        }
    }
    let folder = Folder::with("flags.prod.toml", on);
    assert_eq!(
        folder.run(&["--file", "flags.toml", "revert", "pay", "--env", "prod"]).code,
        0,
        "without a declaration"
    );
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\npay = false\n");
}

#[test]
fn an_environment_may_turn_a_reverted_flag_on_by_an_unknown_state() {
    let folder = Folder::with("flags.toml", "[flags]\npay = true\nother = true\n");
    folder.write("flags.prod.toml", "[flags.pay]\nenabled = false\n");
    folder.write("flags.test.toml", "[flags]\npay = = true\n");
    for (arguments, what) in [(["revert", "pay"], "pay"), (["revert", "--all"], "--all")] {
        let ran = folder.run(&arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        for env in ["prod", "test"] {
            let expected = format!(
                "may still be on in flags.{env}.toml, which is not valid; to turn off: flagkit revert {what} --env {env}"
            );
            assert!(ran.out.contains(&expected), "{ran:?}");
        }
    }
    folder.write("flags.prod.toml", "[flags]\nextra = true\n");
    let ran = folder.run(&["revert", "extra"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("it is in another environment: `flagkit revert extra --env prod`"), "{ran:?}");
}

#[test]
fn off_is_written_even_where_it_is_implied() {
    for (before, after) in [
        ("[flags.pay]\nowner = \"me\"\n", "[flags.pay]\non = false\nowner = \"me\"\n"),
        ("[flags]\npay = { owner = \"me\" }\n", "[flags]\npay = { on = false, owner = \"me\" }\n"),
        ("[flags]\npay.owner = \"me\"\n", "[flags]\npay.on = false\npay.owner = \"me\"\n"),
    ] {
        for arguments in [["revert", "pay"], ["revert", "--all"]] {
            let folder = Folder::with("flags.toml", before);
            let ran = folder.run(&[&arguments[..], &["--dry-run"]].concat());
            assert!(ran.code == 0 && ran.out.contains("already off"), "{ran:?}");
            assert_eq!(folder.read("flags.toml"), before);
            assert_eq!(folder.run(&arguments).code, 0);
            assert_eq!(folder.read("flags.toml"), after);
            assert!(folder.entries().is_empty(), "the state is the same");
        }
    }
}

#[test]
fn a_key_that_a_rejected_file_lost_is_accepted_and_a_similar_one_is_named() {
    let folder = Folder::with("flags.toml", "[flags]\nsearch-v1 = true\nsearch-v2 = true\n");
    let program = Program::start(&folder, &["flags.toml"]);
    folder.write("flags.toml", "[flags]\nsearch-v1 = true\nsea");
    folder.write("flags.prod.toml", "[flags]\nsearch-v2 = true\n");
    program.wait_for_problem();
    let ran = folder.run(&["revert", "search-v2"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("flags.toml does not have search-v2, but the similar flag search-v1"), "{ran:?}");
    program.wait_off("search-v2");
    assert!(program.is_on("search-v1"));
    let ran = folder.run(&["revert", "saerch-v1"]);
    assert!(ran.code == 2 && ran.err.contains("did you mean `search-v1`?"), "the file is valid now: {ran:?}");
}

#[test]
fn environments_above_environments_are_layers_too() {
    let on = "[flags]\npay = true\n";
    let folder = Folder::with("flags.toml", on);
    folder.write("flags.prod.toml", "[flags]\npay = = true\n");
    folder.write("flags.prod.eu.toml", "[flags]\nother = false\n");
    let ran = folder.run(&["revert", "pay", "--env", "prod.eu"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned pay off; its previous state is unknown\n"), "{ran:?}");
    assert!(folder.read("flags.prod.eu.toml").contains("pay = false"));
    folder.write("flags.prod.eu.toml", on);
    let ran = folder.run(&["revert", "pay", "--env", "prod"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let expected = "still on in flags.prod.eu.toml; to turn off: flagkit revert pay --env prod.eu";
    assert!(ran.out.contains(expected), "{ran:?}");
}

#[test]
fn segments_of_a_rejected_file_stay_as_programs_have_them() {
    let below = "[segments.staff]\nincluded = [\"u1\"]\n[flags.beta]\non = true\nrollout = 0\n\
                 rules = [{ segment = \"staff\", rollout = 100 }]\n[flags.pay]\non = true\n";
    for arguments in [["revert", "pay"], ["revert", "--all"]] {
        let folder = Folder::with("below.txt", below);
        folder.write("over.toml", "[flags]\npay = true\n[segments.staff]\nincluded = [\"u2\"]\n");
        let program = Program::start(&folder, &["below.txt", "over.toml"]);
        assert!(program.is_on("pay") && !program.is_on("beta"));
        folder.write("over.toml", "[flags]\npay = = true\n[segments.staff]\nincluded = [\"u2\"]\n");
        program.wait_for_problem();
        let ran = folder.run(&[&["--file", "over.toml"], &arguments[..]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        program.wait_off("pay");
        assert!(!program.is_on("beta") && program.widened().is_empty(), "{:?}", program.widened());
    }
}

#[test]
fn a_flag_that_inherits_its_switch_is_turned_off_explicitly() {
    let folder = Folder::with("flags.toml", "[flags.pay]\non = true\n");
    folder.write("flags.prod.toml", "[flags.pay]\ninherit = true\nrollout = 50\n");
    let program = Program::start(&folder, &["flags.toml", "flags.prod.toml"]);
    let ran = folder.run(&["revert", "pay", "--env", "prod"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned pay from 50% to off\n"), "{ran:?}");
    assert_eq!(folder.read("flags.prod.toml"), "[flags.pay]\non = false\ninherit = true\nrollout = 50\n");
    program.wait_off("pay");
    let ran = folder.run(&["revert", "pay", "--env", "prod"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "pay is already off\n"), "{ran:?}");
}

#[test]
fn an_environment_whose_text_is_lost_is_reported() {
    for text in ["", "\n", "[flags", "# x\n", "[flgs]\ny = true\n", "[flags]\nsea"] {
        for arguments in [["revert", "x"], ["revert", "--all"]] {
            let folder = Folder::with("flags.toml", "[flags]\nx = true\n");
            folder.write("flags.prod.toml", text);
            let ran = folder.run(&arguments);
            assert_eq!(ran.code, 0, "{ran:?}");
            let help = format!("to turn off: flagkit revert {} --env prod", arguments[1]);
            assert!(ran.out.contains("on in flags.prod.toml") || ran.out.contains("flags.prod.toml is not valid"));
            assert!(ran.out.contains(&help), "{text:?}: {ran:?}");
        }
    }
}
