//! `revert` without `--file`: the nearest file is the flag file, also if its text is lost.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Folder, Ran, ended};

const ON: &str = "[flags]\nx = true\n";

/// Runs a command in the folder `shop`, below a folder with a flag file.
fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    let mut command = folder.command(arguments);
    command.current_dir(folder.path("shop"));
    ended(command)
}

fn repository() -> Folder {
    let folder = Folder::with("flags.toml", ON);
    folder.git(&["init", "-q"]);
    fs::create_dir_all(folder.path("shop")).expect("a folder");
    folder
}

#[test]
fn an_emptied_or_damaged_file_is_the_flag_file() {
    for text in ["", "\n\n", "# flags\n", "[flags", "\u{0}\u{0}"] {
        for arguments in [["revert", "x"], ["revert", "--all"]] {
            let folder = repository();
            folder.write("shop/flags.toml", text);
            let ran = run(&folder, &arguments);
            assert_eq!(ran.code, 0, "{text:?}: {ran:?}");
            assert_eq!(folder.read("flags.toml"), ON, "{text:?} {arguments:?}: the file above stays");
            assert!(folder.read("shop/flags.toml").starts_with("[flags]\n"), "{text:?} {arguments:?}");
        }
        let folder = repository();
        folder.write("shop/flags.toml", text);
        for arguments in [["go", "x"], ["new", "y"]] {
            let ran = run(&folder, &arguments);
            assert_ne!(ran.code, 0, "{text:?}: {ran:?}");
        }
        assert_eq!((folder.read("flags.toml").as_str(), folder.read("shop/flags.toml").as_str()), (ON, text));
    }
}

#[test]
fn a_dangling_link_is_the_flag_file() {
    let folder = repository();
    symlink("gone.toml", folder.path("shop/flags.toml")).expect("a link");
    for arguments in [["revert", "x"], ["revert", "--all"], ["go", "x"], ["new", "y"]] {
        let ran = run(&folder, &arguments);
        assert!(ran.code == 8 && ran.err.contains("a symbolic link to gone.toml"), "{arguments:?}: {ran:?}");
    }
    assert_eq!(folder.read("flags.toml"), ON);
}

#[test]
fn a_well_formed_file_of_another_tool_is_skipped_and_the_output_names_the_flag_file() {
    let folder = repository();
    folder.write("shop/flags.toml", "[colors]\nred = 1\n");
    let ran = run(&folder, &["revert", "x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("flags.toml has no table `flags`, so the flag file is ../flags.toml"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), "[flags]\nx = false\n");
}
