//! The author of an entry in the log.

use crate::support::{Folder, ended};

/// Reverts a flag in a process without the names of a user, and returns the author in the log.
fn author(folder: &Folder, variables: &[(&str, &str)]) -> String {
    folder.write("flags.toml", "[flags]\nx = true\n");
    let mut command = folder.command(&["revert", "x"]);
    for name in ["FLAGKIT_USER", "USER", "LOGNAME", "USERNAME", "GIT_AUTHOR_NAME"] {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", folder.path("nothing")).env("GIT_CONFIG_NOSYSTEM", "1");
    command.envs(variables.iter().copied());
    let ran = ended(command);
    assert_eq!(ran.code, 0, "{ran:?}");
    folder.entries().pop().expect("an entry")["who"].as_str().expect("a name").to_owned()
}

#[test]
fn the_name_in_the_settings_of_git_is_used() {
    let folder = Folder::new();
    assert_eq!(author(&folder, &[]), "unknown");
    folder.git(&["init", "-q"]);
    folder.git(&["config", "user.name", "Ada Lovelace"]);
    assert_eq!(author(&folder, &[]), "Ada Lovelace");
    assert_eq!(author(&folder, &[("USER", "ada")]), "ada");
    assert_eq!(author(&folder, &[("USER", ""), ("FLAGKIT_USER", "release manager")]), "release manager");
}

#[test]
fn a_machine_without_git_can_still_revert() {
    let folder = Folder::new();
    assert_eq!(author(&folder, &[("PATH", "/nowhere")]), "unknown");
}
