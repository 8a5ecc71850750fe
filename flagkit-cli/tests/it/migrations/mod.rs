//! Migrations in every command other than `migrate`: real files, real repositories, the real command.

mod against;
mod base;
mod code;
mod inspect;
mod logged;
mod overrides;
mod revert;

use crate::support::Folder;

/// A migration without a stage, which is off.
const MIGRATION: &str = "[flags.split-name]\nkind = \"migration\"\ndescription = \"Two columns\"\nowner = \"me\"\n\
                         created = 2026-11-01\nexpires = 2999-01-01\n";
/// Code for both paths.
const FULL: &str = "flagkit::migration! { pub static SPLIT_NAME: \"split-name\", range = Full }\n";

/// A folder with a migration at a stage, and with its code.
fn folder(stage: &str) -> Folder {
    let folder = Folder::with("flags.toml", &at(stage));
    folder.write("src/main.rs", FULL);
    folder
}

/// The declaration of the migration, with a stage.
fn at(stage: &str) -> String {
    format!("{MIGRATION}stage = \"{stage}\"\n")
}

/// The file of an environment that only states the stage.
fn state(stage: &str) -> String {
    format!("[flags.split-name]\nstage = \"{stage}\"\n")
}

/// A folder with a committed migration at a stage.
fn repository(stage: &str) -> Folder {
    let folder = folder(stage);
    folder.git(&["init", "-q"]);
    commit(&folder);
    folder
}

fn commit(folder: &Folder) {
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "a change", "--allow-empty"]);
}

/// Runs the command. Its exit code and its output must be these.
#[track_caller]
fn expect(folder: &Folder, arguments: &[&str], code: i32, shows: &[&str]) {
    let ran = folder.run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    let printed = ran.out + &ran.err;
    for part in shows {
        assert!(printed.contains(part), "no {part:?} in {printed}");
    }
}
