//! Paths that lead to no regular file: nothing is replaced, nothing hangs, and the error names the kind.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::{Folder, Program};

/// Runs every command that reads or writes the file. Each must fail with this text.
#[track_caller]
fn check(folder: &Folder, file: &str, expected: &str) {
    for arguments in [
        &["revert", "x"][..],
        &["revert", "x", "--to", "5"],
        &["revert", "--all"],
        &["new", "y"],
        &["go", "x"],
        &["show", "x"],
        &["check"],
    ] {
        let ran = folder.run(&[&["--file", file], arguments].concat());
        assert_eq!(ran.code, 8, "{file} {arguments:?}: {ran:?}");
        assert!(ran.err.contains(expected), "{file} {arguments:?}: {ran:?}");
    }
}

#[test]
fn devices_fifos_sockets_and_directories_are_rejected() {
    let folder = Folder::new();
    fs::create_dir(folder.path("dir.toml")).expect("a directory");
    let made = Command::new("mkfifo").arg(folder.path("fifo.toml")).status().expect("mkfifo runs");
    assert!(made.success());
    let _listener = UnixListener::bind(folder.path("socket.toml")).expect("a socket");
    symlink("/dev/null", folder.path("null.toml")).expect("a link");
    for (file, kind) in [
        ("/dev/null", "got a device, expected a regular file"),
        ("/dev/full", "got a device, expected a regular file"),
        ("/dev/zero", "got a device, expected a regular file"),
        ("null.toml", "got a device, expected a regular file"),
        ("fifo.toml", "got a FIFO, expected a regular file"),
        ("socket.toml", "got a socket, expected a regular file"),
        ("dir.toml", "got a directory, expected a regular file"),
    ] {
        check(&folder, file, kind);
    }
    for device in ["/dev/null", "/dev/full", "/dev/zero"] {
        assert!(fs::metadata(device).expect("it is there").file_type().is_char_device(), "{device}");
    }
    assert!(fs::metadata(folder.path("fifo.toml")).expect("it is there").file_type().is_fifo());
    assert!(fs::metadata(folder.path("socket.toml")).expect("it is there").file_type().is_socket());
    assert!(folder.path("dir.toml").is_dir() && folder.path("null.toml").is_symlink());
}

#[test]
fn a_dangling_link_is_named_with_its_target() {
    let folder = Folder::with("flags.toml", "[flags]\nx = true\n");
    symlink("releases/7/gone.toml", folder.path("linked.toml")).expect("a link");
    symlink("releases/7/gone.toml", folder.path("flags.prod.toml")).expect("a link");
    let expected = "the path is a symbolic link to releases/7/gone.toml, which does not exist";
    check(&folder, "linked.toml", expected);
    for arguments in [
        &["revert", "x", "--env", "prod"][..],
        &["revert", "--all", "--env", "prod"],
        &["go", "x", "--env", "prod"],
        &["init", "--file", "linked.toml"],
    ] {
        let ran = folder.run(arguments);
        assert!(ran.code == 8 && ran.err.contains(expected), "{arguments:?}: {ran:?}");
    }
    assert!(folder.path("linked.toml").is_symlink() && folder.path("flags.prod.toml").is_symlink());
    symlink("loop.toml", folder.path("loop.toml")).expect("a link");
    check(&folder, "loop.toml", "loop.toml: ");
}

#[test]
fn an_environment_with_a_special_file_is_reported_when_the_declaration_is_reverted() {
    let folder = Folder::with("flags.toml", "[flags]\nx = true\n");
    let made = Command::new("mkfifo").arg(folder.path("flags.prod.toml")).status().expect("mkfifo runs");
    assert!(made.success());
    let ran = folder.run(&["revert", "x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("flags.prod.toml cannot be read, so its flags may be on"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), "[flags]\nx = false\n");
}

#[test]
fn a_file_beyond_the_limit_of_programs_can_be_turned_off() {
    let folder = Folder::with("flags.toml", "[flags]\nx = true\n");
    let program = Program::start(&folder, &["flags.toml"]);
    folder.write("flags.toml", &format!("[flags]\nx = true\n# {}\n", "x".repeat(9 << 20)));
    program.wait_for_problem();
    assert!(program.is_on("x"));
    assert_eq!(folder.run(&["revert", "x"]).code, 0);
    program.wait_off("x");
}

/// Creates something that is not a regular file at a path.
fn make(folder: &Folder, name: &str, kind: &str) {
    fs::create_dir_all(folder.path(".flagkit")).expect("a folder");
    if kind == "fifo" {
        let made = Command::new("mkfifo").arg(folder.path(name)).status().expect("mkfifo runs");
        assert!(made.success());
    } else {
        symlink(kind, folder.path(name)).expect("a link");
    }
}

#[test]
fn a_lock_that_is_no_regular_file_blocks_no_revert() {
    for kind in ["fifo", "/dev/full", "/dev/zero", "/dev/null"] {
        let folder = Folder::with("flags.toml", "[flags]\nx = true\n");
        make(&folder, ".flagkit/lock", kind);
        let ran = folder.run(&["revert", "x"]);
        assert_eq!(ran.code, 0, "{kind}: {ran:?}");
        assert_eq!(folder.read("flags.toml"), "[flags]\nx = false\n");
    }
}

#[test]
fn a_log_that_is_no_regular_file_is_reported_with_the_saved_text() {
    for kind in ["fifo", "/dev/full", "/dev/zero", "/dev/null"] {
        for (text, saved) in [("[flags]\nx = true\n", false), ("[flags]\nx = = true\n", true)] {
            let folder = Folder::with("flags.toml", text);
            make(&folder, ".flagkit/log.jsonl", kind);
            let ran = folder.run(&["revert", "--all"]);
            assert_eq!(ran.code, 8, "{kind}: {ran:?}");
            assert!(ran.err.contains("the flags were changed, but cannot write the log"), "{kind}: {ran:?}");
            assert!(ran.err.contains("x is off"), "{kind}: {ran:?}");
            assert_eq!(ran.err.contains("the old text is saved as flags.toml.broken-"), saved, "{kind}: {ran:?}");
            assert_eq!(folder.read("flags.toml"), "[flags]\nx = false\n");
        }
    }
}
