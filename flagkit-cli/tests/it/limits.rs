//! Files beyond the limits of programs: every command rejects what programs reject.

use crate::support::Folder;

/// A valid document of 9 MB, most of which is a comment.
fn large() -> String {
    let flag = "[flags.x]\non = true\nrollout = 0\nrules = [{ subjects = [\"u1\"] }]\n";
    flag.to_owned() + &"# A comment of sixty-four bytes, so that the file gets so long.\n".repeat(9_000_000 / 64)
}

#[test]
fn a_file_that_programs_reject_is_rejected_by_every_command_that_cannot_narrow() {
    let folder = Folder::with("flags.toml", &large());
    folder.write("small.toml", "[flags]\nx = false\n");
    folder.write("small.prod.toml", &large());
    folder.write("src/main.rs", "fn main() { if flag!(\"x\", &user) {} }\n");
    let message = "the file is too large: got 90";
    for command in [
        &["list"][..],
        &["show", "x"],
        &["eval", "x"],
        &["explain", "x"],
        &["check"],
        &["diff", "small.toml", "flags.toml"],
        &["watch", "--lines", "1"],
        &["new", "y"],
        &["go", "x", "--to", "10"],
        &["list", "--file", "small.toml", "--env", "prod"],
        &["check", "--file", "small.toml"],
        &["go", "x", "--file", "small.toml", "--env", "prod"],
    ] {
        let ran = folder.run(command);
        assert!([1, 8].contains(&ran.code), "{command:?}: {ran:?}");
        assert!((ran.out + &ran.err).contains(message), "{command:?}");
    }
}

#[test]
fn a_large_file_of_a_revision_is_rejected_too() {
    let folder = Folder::with("flags.toml", &large());
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "large"]);
    folder.write("flags.toml", "[flags]\nx = false\n");
    let ran = folder.run(&["diff", "HEAD", "flags.toml"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("the file is too large"), "{ran:?}");
}

#[test]
fn flags_of_a_large_file_can_be_turned_off() {
    let folder = Folder::with("flags.toml", &large());
    let ran = folder.run(&["revert", "x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(folder.run(&["eval", "x"]).out.starts_with("x is off"), "{}", folder.read("flags.toml"));
    folder.write("flags.toml", &large());
    let ran = folder.run(&["revert", "--all"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(folder.run(&["eval", "x"]).out.starts_with("x is off"), "{}", folder.read("flags.toml"));
}
