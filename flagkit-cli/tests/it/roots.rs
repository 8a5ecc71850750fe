//! The folders of a project: the flag file above, the code beside, and the paths in the formats of CI.

use std::path::Path;

use serde_json::Value;

use crate::support::{Folder, Ran, ended};

const CODE: &str = "fn main() { if flag!(\"x\") {} if flag!(\"typo\") {} }\n";

fn run_in(folder: &Folder, below: &str, arguments: &[&str]) -> Ran {
    let mut command = folder.command(arguments);
    command.current_dir(folder.path(below));
    ended(command)
}

#[test]
fn the_flag_file_of_a_folder_above_is_found() {
    let folder = Folder::with("flags.toml", "[flags]\nx = false\n");
    folder.git(&["init", "-q"]);
    folder.write("src/shop/main.rs", "fn main() { flag!(\"x\"); }\n");
    let ran = run_in(&folder, "src/shop", &["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "0 errors, 0 warnings\n"), "{ran:?}");
    let ran = run_in(&folder, "src/shop", &["list"]);
    assert!(ran.out.contains("all from file:../../flags.toml"), "{ran:?}");
    let ran = run_in(&folder, "src/shop", &["new", "y"]);
    assert!(ran.code == 0 && folder.read("flags.toml").contains("[flags.y]"), "{ran:?}");
    let ran = run_in(&folder, "src/shop", &["check"]);
    assert!(ran.out.contains("../../flags.toml:4:8: error [unused] y"), "{ran:?}");
    let ran = run_in(&folder, "src/shop", &["show", "x"]);
    assert!(ran.out.contains("main.rs:1:19"), "{ran:?}");
    // The printed path is one that works.
    assert_eq!(run_in(&folder, "src/shop", &["init"]).code, 0);
    assert!(folder.path("src/shop/flags.toml").exists(), "`init` creates a file here");
}

#[test]
fn the_search_ends_at_the_repository_and_skips_files_of_other_tools() {
    let folder = Folder::with("flags.toml", "[flags]\nx = false\n");
    folder.write("repository/src/main.rs", "fn main() {}\n");
    let git = std::process::Command::new("git").args(["init", "-q"]).current_dir(folder.path("repository")).status();
    assert!(git.expect("git runs").success());
    let ran = run_in(&folder, "repository/src", &["list"]);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert!(ran.err.contains("flags.toml: there is no such file"), "{ran:?}");
    folder.write("repository/flags.toml", "[flags]\ny = true\n");
    folder.write("repository/src/flags.toml", "[countries]\npt = \"green, red\"\n");
    let ran = run_in(&folder, "repository/src", &["eval", "y"]);
    assert!(ran.out.starts_with("y is on"), "{ran:?}");
    // An invalid file is not skipped, because it may be the one.
    folder.write("repository/src/flags.toml", "[flags]\ny = = 1\n");
    assert_eq!(run_in(&folder, "repository/src", &["eval", "y"]).code, 1);
}

#[test]
fn code_beside_the_folder_of_the_flag_file_is_searched() {
    let folder = Folder::with("config/flags.toml", "[flags]\nx = false\n");
    folder.write("src/main.rs", CODE);
    for has_repository in [false, true] {
        if has_repository {
            folder.git(&["init", "-q"]);
        }
        let ran = folder.run(&["--file", "config/flags.toml", "check"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.out.contains("src/main.rs:1:39: error [undeclared] typo is not declared"), "{ran:?}");
        assert!(!ran.out.contains("[unused]"), "{ran:?}");
    }
    let ran = run_in(&folder, "config", &["check"]);
    assert!(ran.out.contains("../src/main.rs:1:39: error [undeclared] typo"), "{ran:?}");
}

#[test]
fn the_file_can_name_the_folders_of_its_code() {
    let flags = "[flags]\nx = false\n[project]\nsources = [\"../src\", \"../lib\"]\n";
    let folder = Folder::with("config/flags.toml", flags);
    folder.write("src/main.rs", CODE);
    folder.write("lib/lib.rs", "fn f() {}\n");
    folder.write("tools/main.rs", "fn main() { flag!(\"of-another\"); }\n");
    folder.git(&["init", "-q"]);
    let ran = run_in(&folder, "config", &["check"]);
    assert!(ran.out.contains("../src/main.rs:1:39: error [undeclared] typo"), "{ran:?}");
    assert!(!ran.out.contains("of-another") && !ran.out.contains("[unused]"), "{ran:?}");
    folder.write("src/main.rs", "fn main() {}\n");
    let ran = run_in(&folder, "config", &["check"]);
    assert!(ran.out.contains("no code below ../src or ../lib reads it"), "{ran:?}");
    assert!(run_in(&folder, "config", &["list"]).out.contains('x'), "programs ignore the table");
    for (setting, message) in [
        ("sources = [\"../scr\"]", "flags.toml:3:2: error [gate] project.sources: got ../scr, expected a folder"),
        ("source = [\"../src\"]", "error [gate] project: unknown field `source`"),
        ("sources = 1", "error [gate] project: invalid type"),
    ] {
        folder.write("config/flags.toml", &format!("[flags]\nx = false\n[project]\n{setting}\n"));
        let ran = run_in(&folder, "config", &["check"]);
        assert!(ran.code == 1 && ran.out.contains(message), "{setting}: {ran:?}");
    }
}

#[test]
fn code_with_a_flag_file_of_its_own_is_left_to_that_file() {
    let folder = Folder::with("services/shop/flags.toml", "[flags]\nx = false\n");
    folder.write("services/shop/src/main.rs", "fn main() { flag!(\"x\"); }\n");
    folder.write("services/cart/flags.toml", "[flags]\ncart = false\n");
    folder.write("services/cart/src/main.rs", "fn main() { flag!(\"cart\"); }\n");
    folder.write("lib/lib.rs", "fn f() { flag!(\"cart\"); flag!(\"x\"); }\n");
    folder.git(&["init", "-q"]);
    for service in ["services/shop", "services/cart"] {
        let ran = run_in(&folder, service, &["check"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "0 errors, 0 warnings\n"), "{service}: {ran:?}");
    }
}

/// The paths of all findings in SARIF.
fn uris(ran: &Ran) -> Vec<Value> {
    let sarif: Value = serde_json::from_str(&ran.out).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results").iter();
    results.map(|result| result["locations"][0]["physicalLocation"]["artifactLocation"].clone()).collect()
}

#[test]
fn paths_for_ci_start_at_the_root_of_the_repository() {
    let folder = Folder::with("services/my shop/flags.toml", "[flags]\nx = false\n");
    folder.write("services/my shop/src/50% ä#1.rs", "fn main() { flag!(\"typo\"); }\n");
    folder.git(&["init", "-q"]);
    let ran = run_in(&folder, "services/my shop", &["check", "--format", "github"]);
    assert!(ran.out.contains("::error file=services/my shop/flags.toml,line=2"), "{ran:?}");
    assert!(ran.out.contains("file=services/my shop/src/50%25 ä#1.rs,line=1"), "{ran:?}");
    let ran = run_in(&folder, "services/my shop", &["check", "--format", "sarif"]);
    let expected = ["services/my%20shop/flags.toml", "services/my%20shop/src/50%25%20%C3%A4%231.rs"];
    let expected = expected.map(|uri| serde_json::json!({ "uri": uri, "uriBaseId": "%SRCROOT%" }));
    assert_eq!(uris(&ran), expected, "{ran:?}");
    // The same from another folder, and for an absolute path.
    let file = folder.path("services/my shop/flags.toml");
    for file in [Path::new("services/my shop/flags.toml"), &file] {
        let ran = folder.run(&["check", "--format", "sarif", "--file", file.to_str().expect("UTF-8")]);
        assert_eq!(uris(&ran), expected, "{ran:?}");
    }
}

#[test]
fn annotations_of_github_start_at_its_workspace() {
    let folder = Folder::with("checkout/flags.toml", "[flags]\nx = false\n");
    let run = |workspace: &Path| {
        let mut command = folder.command(&["check", "--format", "github"]);
        command.current_dir(folder.path("checkout")).env("GITHUB_WORKSPACE", workspace);
        ended(command).out
    };
    let out = run(folder.root());
    assert!(out.contains("file=checkout/flags.toml,"), "{out}");
    let out = run(Path::new("/nowhere"));
    assert!(out.contains("file=flags.toml,"), "{out}");
    let link = folder.path("link");
    std::os::unix::fs::symlink(folder.root(), &link).expect("a link");
    let out = run(&link);
    assert!(out.contains("file=checkout/flags.toml,"), "{out}");
}
