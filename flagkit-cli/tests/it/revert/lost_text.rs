//! `revert` of a layer that was emptied, cut or deleted: whatever it declared hides the lower layers.

use crate::support::{Folder, Program};

const BELOW: &str = "[flags]\npay = true\nother = true\n\"team.beta\" = true\n";
const ABOVE: &str = "[flags]\npay = true\nother = false\n\"team.beta\" = false\n";
/// What is left of the upper layer.
const REST: [&str; 6] = ["", "\n", "# flags\n", "[fla", "[flags]\npay = tr", "[flags]\npay = true\noth"];

/// Writes a layer above another one, damages it, reverts, and checks that no flag widens.
#[track_caller]
fn check(below: [&str; 2], above: [&str; 2], damage: impl Fn(&Folder), arguments: &[&str]) {
    let folder = Folder::with(below[0], below[1]);
    folder.write(above[0], above[1]);
    let program = Program::start(&folder, &[below[0], above[0]]);
    assert!(program.is_on("pay") && !program.is_on("other"), "{above:?}");
    damage(&folder);
    program.wait_for_problem();
    let ran = folder.run(arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    program.wait_off("pay");
    assert!(!program.is_on("other"), "{arguments:?}: {ran:?}");
    assert!(program.widened().is_empty(), "{:?}\n{}", program.widened(), folder.read(above[0]));
}

#[test]
fn a_revert_of_one_flag_keeps_the_lower_flags_hidden() {
    for rest in REST {
        let damage = |name: &'static str| move |folder: &Folder| folder.write(name, rest);
        let arguments = ["revert", "pay", "--env", "prod"];
        check(["flags.toml", BELOW], ["flags.prod.toml", ABOVE], damage("flags.prod.toml"), &arguments);
        let arguments = ["--file", "over.toml", "revert", "pay"];
        check(["base.toml", BELOW], ["over.toml", ABOVE], damage("over.toml"), &arguments);
    }
}

#[test]
fn the_layer_below_may_have_another_format_or_be_damaged_too() {
    let json = "{\"flags\": {\"pay\": true, \"other\": true}}";
    for arguments in [&["revert", "pay"][..], &["revert", "--all"]] {
        let arguments = [&["--file", "over.toml"], arguments].concat();
        for rest in REST {
            let damage = |folder: &Folder| folder.write("over.toml", rest);
            check(["base.json", json], ["over.toml", ABOVE], damage, &arguments);
            let damage = |folder: &Folder| {
                folder.write("base.toml", &format!("{BELOW}=\n"));
                folder.write("over.toml", rest);
            };
            check(["base.toml", BELOW], ["over.toml", ABOVE], damage, &arguments);
        }
    }
}

#[test]
fn files_of_other_tools_beside_a_damaged_file_have_no_flags() {
    let folder = Folder::with("flags.toml", "[flags]\npay = = true\n");
    folder.write("Cargo.toml", "[package]\nname = \"shop\"\n");
    folder.write("package.json", "{\"scripts\": {\"build\": \"make\"}}");
    assert_eq!(folder.run(&["revert", "--all"]).code, 0);
    assert_eq!(folder.read("flags.toml"), "[flags]\npay = false\n");
}

#[test]
fn a_deleted_layer_is_known_from_the_log_or_from_git() {
    for is_logged in [true, false] {
        let folder = Folder::with("flags.toml", BELOW);
        folder.write("flags.prod.toml", &format!("{ABOVE}logged = true\n"));
        if is_logged {
            assert_eq!(folder.run(&["revert", "logged", "--env", "prod"]).code, 0);
        } else {
            folder.git(&["init", "-q"]);
            folder.git(&["add", "."]);
            folder.git(&["commit", "-qm", "flags"]);
        }
        let program = Program::start(&folder, &["flags.toml", "flags.prod.toml"]);
        folder.remove("flags.prod.toml");
        program.wait_for_problem();
        let ran = folder.run(&["revert", "pay", "--env", "prod"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        program.wait_off("pay");
        assert!(!program.is_on("other") && program.widened().is_empty(), "{:?}", program.widened());
    }
}

#[test]
fn segments_that_hid_wider_ones_are_not_lost() {
    let below = "[segments.staff]\nincluded = [\"u1\"]\n[flags]\npay = true\n[flags.other]\non = true\nrollout = 0\n\
                 rules = [{ segment = \"staff\", rollout = 100 }]\n";
    let above = "[flags]\npay = true\n[segments.staff]\nincluded = [\"u2\"]\n";
    for rest in ["", "[flags]\npay = tr"] {
        let damage = |folder: &Folder| folder.write("over.toml", rest);
        let arguments = ["--file", "over.toml", "revert", "pay"];
        check(["base.toml", below], ["over.toml", above], damage, &arguments);
    }
}
