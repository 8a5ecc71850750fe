//! What a revert keeps of a file: its owner, group, mode, ACL, extended attributes and links.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use crate::support::Folder;

const ON: &str = "[flags]\nx = true\ny = true\n";
const OFF: &str = "[flags]\nx = false\ny = true\n";
/// Users and groups that need not exist.
const DEPLOY: u32 = 2000;
const OWNER: u32 = 2500;
const TEAM: u32 = 3000;

/// The parts of a file that decide who can access it, and its inode.
fn identity(folder: &Folder, name: &str) -> (u32, u32, u32, u64) {
    let metadata = fs::metadata(folder.path(name)).expect("it is there");
    (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777, metadata.ino())
}

fn set_mode(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).expect("permissions");
}

/// A folder that the deploy user runs in, with a flag file of this owner, group and mode. `None` if not run as root.
fn deployed(folder_owner: u32, folder_mode: u32, owner: u32, mode: u32) -> Option<Folder> {
    let mut folder = Folder::with("flags.toml", ON);
    if !folder.run_as(DEPLOY, DEPLOY, &[TEAM]) {
        return None;
    }
    chown(folder.root(), Some(folder_owner), Some(TEAM)).expect("root may");
    set_mode(&folder, "", folder_mode);
    chown(folder.path("flags.toml"), Some(owner), Some(TEAM)).expect("root may");
    set_mode(&folder, "flags.toml", mode);
    Some(folder)
}

#[test]
fn the_group_of_another_user_stays() {
    let Some(folder) = deployed(DEPLOY, 0o755, DEPLOY, 0o640) else { return };
    let before = identity(&folder, "flags.toml");
    let ran = folder.run(&["revert", "x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(folder.read("flags.toml"), OFF);
    let after = identity(&folder, "flags.toml");
    assert_eq!((before.0, before.1, before.2), (after.0, after.1, after.2));
    assert_ne!(before.3, after.3, "it is replaced by a rename");
}

#[test]
fn a_file_of_another_owner_is_rewritten_in_place() {
    let Some(folder) = deployed(DEPLOY, 0o755, OWNER, 0o660) else { return };
    let before = identity(&folder, "flags.toml");
    let ran = folder.run(&["revert", "x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((folder.read("flags.toml"), identity(&folder, "flags.toml")), (OFF.to_owned(), before));
    assert_eq!(folder.entries().len(), 1);
    let names: Vec<_> =
        fs::read_dir(folder.root()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names.len(), 2, "no copy is left: {names:?}");
}

#[test]
fn a_file_in_a_folder_without_write_permission_is_rewritten_in_place() {
    for owner in [DEPLOY, OWNER] {
        let Some(folder) = deployed(0, 0o755, owner, 0o660) else { return };
        let home = tempfile::tempdir().expect("a temporary directory");
        chown(home.path(), Some(DEPLOY), None).expect("root may");
        let run = |arguments: &[&str]| {
            let mut command = folder.command(arguments);
            command.env("HOME", home.path()).env_remove("XDG_STATE_HOME");
            crate::support::ended(command)
        };
        let before = identity(&folder, "flags.toml");
        let ran = run(&["revert", "x"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("turned x from on to off\nthe change is not in the log: cannot write "), "{ran:?}");
        assert_eq!((folder.read("flags.toml"), identity(&folder, "flags.toml")), (OFF.to_owned(), before));
        assert_eq!(run(&["revert", "--all"]).code, 0);
        assert_eq!(folder.read("flags.toml"), OFF.replace("true", "false"));
        let state = home.path().join(".local/state/flagkit");
        assert_eq!(fs::read_dir(&state).expect("a folder").count(), 0, "no copy is left");

        // The text of an invalid file is saved where the user can write.
        let invalid = "[flags]\nx = = true\n";
        folder.write("flags.toml", invalid);
        let ran = run(&["revert", "--all"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(folder.read("flags.toml"), "[flags]\nx = false\n");
        let saved = ran.out.split("is saved as ").nth(1).and_then(|rest| rest.lines().next()).expect("it is saved");
        assert_eq!(fs::read_to_string(saved).expect("a file"), invalid);
        assert!(ran.out.contains(state.to_str().expect("UTF-8")), "{ran:?}");
        // A `go` needs its log, so it cannot widen here.
        let ran = run(&["go", "x"]);
        assert_eq!(ran.code, 8, "{ran:?}");
    }
}

#[test]
fn an_owner_that_cannot_be_kept_is_reported() {
    // The group can read the file and write to the folder, but neither write to the file nor give it away.
    let Some(folder) = deployed(DEPLOY, 0o755, OWNER, 0o640) else { return };
    let before = identity(&folder, "flags.toml");
    for arguments in [&["revert", "x"][..], &["revert", "--all"], &["new", "z"]] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, 8, "{ran:?}");
        let expected = format!("its owner would change from user {OWNER} to user {DEPLOY}; nothing was written");
        assert!(ran.err.contains(&expected), "{ran:?}");
        assert_eq!((folder.read("flags.toml"), identity(&folder, "flags.toml")), (ON.to_owned(), before));
    }
    // Every user can read this file, so the new one turns the flag off in every program.
    set_mode(&folder, "flags.toml", 0o644);
    assert_eq!(folder.run(&["new", "z"]).code, 8, "only a revert may lose the owner");
    let ran = folder.run(&["revert", "x"]);
    assert_eq!(ran.code, 8, "{ran:?}");
    let expected = format!("flags.toml were changed, but its owner would change from user {OWNER} to user {DEPLOY}");
    assert!(ran.err.contains(&expected) && ran.err.contains("turned x from on to off"), "{ran:?}");
    let after = identity(&folder, "flags.toml");
    assert_eq!((folder.read("flags.toml").as_str(), after.0, after.1, after.2), (OFF, DEPLOY, TEAM, 0o644));
    assert_eq!(folder.entries().len(), 1);
}

#[test]
fn hard_links_stay_links() {
    let folder = Folder::with("flags.toml", ON);
    fs::hard_link(folder.path("flags.toml"), folder.path("other.toml")).expect("a link");
    let before = identity(&folder, "flags.toml");
    assert_eq!(folder.run(&["revert", "x"]).code, 0);
    assert_eq!((folder.read("flags.toml"), folder.read("other.toml")), (OFF.to_owned(), OFF.to_owned()));
    assert_eq!((identity(&folder, "flags.toml"), identity(&folder, "other.toml")), (before, before));
    // A shorter text replaces all of the longer one.
    folder.write("other.toml", "[flags]\nx = \"12.345678%\"\n");
    assert_eq!(folder.run(&["revert", "x"]).code, 0);
    assert_eq!(folder.read("other.toml"), "[flags]\nx = false\n");
    assert_eq!(folder.run(&["new", "z"]).code, 0);
    assert!(folder.read("other.toml").contains("[flags.z]"));
}

#[test]
fn modes_and_extended_attributes_stay() {
    let folder = Folder::with("flags.toml", ON);
    set_mode(&folder, "flags.toml", 0o600);
    let path = folder.path("flags.toml");
    if let Err(error) = xattr::set(&path, "user.team", b"checkout") {
        println!("SKIPPED: the file system has no extended attributes: {error}");
        return;
    }
    // Two users can access the file only by this ACL: version 2, and entries of a tag, a permission and an id.
    let entries = [(0x01, 6, u32::MAX), (0x02, 4, 4242), (0x04, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)];
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permission, id) in entries {
        acl.extend([tag, 0, permission, 0]);
        acl.extend(u32::to_le_bytes(id));
    }
    let has_acl = xattr::set(&path, "system.posix_acl_access", &acl).is_ok();
    let attributes = || {
        let names = xattr::list(&path).expect("attributes");
        let mut all: Vec<_> = names.map(|name| (xattr::get(&path, &name).expect("a value"), name)).collect();
        all.sort();
        all
    };
    let (before, mode) = (attributes(), identity(&folder, "flags.toml").2);
    assert_eq!(folder.run(&["revert", "x"]).code, 0);
    assert_eq!(
        (folder.read("flags.toml"), attributes(), identity(&folder, "flags.toml").2),
        (OFF.to_owned(), before, mode)
    );
    assert!(has_acl || cfg!(not(target_os = "linux")), "the ACL was tested");
}

#[test]
fn the_default_acl_of_a_folder_grants_nothing_new() {
    let folder = Folder::with("flags.toml", ON);
    set_mode(&folder, "flags.toml", 0o600);
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permission, id) in
        [(0x01, 7, u32::MAX), (0x02, 7, 4242), (0x04, 7, u32::MAX), (0x10, 7, u32::MAX), (0x20, 0, u32::MAX)]
    {
        acl.extend([tag, 0, permission, 0]);
        acl.extend(u32::to_le_bytes(id));
    }
    if let Err(error) = xattr::set(folder.root(), "system.posix_acl_default", &acl) {
        println!("SKIPPED: the file system has no ACLs: {error}");
        return;
    }
    assert_eq!(folder.run(&["revert", "x"]).code, 0);
    assert_eq!(folder.read("flags.toml"), OFF);
    assert_eq!(xattr::get(folder.path("flags.toml"), "system.posix_acl_access").expect("a value"), None);
    assert_eq!(identity(&folder, "flags.toml").2, 0o600);
}
