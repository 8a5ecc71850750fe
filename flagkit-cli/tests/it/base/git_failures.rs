//! git cannot read the base: the check fails with git's reason, and never with "no such file".

use std::fs;

use super::{OFF, ON, clone, commit, expect, expect_change, expect_ran, git_output, repository};
use crate::support::{Folder, ended};

/// A repository in which the last commit turns `x` on.
fn widened() -> Folder {
    let folder = repository(&[("flags.toml", OFF)]);
    folder.write("flags.toml", ON);
    commit(&folder);
    folder
}

fn delete_object(folder: &Folder, name: &str) {
    let hash = git_output(folder, &["rev-parse", name]);
    let (start, rest) = hash.split_at(2);
    fs::remove_file(folder.path(&format!(".git/objects/{start}/{rest}"))).expect("a loose object");
}

#[test]
fn missing_objects() {
    for object in ["HEAD~1:flags.toml", "HEAD~1^{tree}", "HEAD~1:.flagkit", "HEAD~1:.flagkit/log.jsonl"] {
        let folder = repository(&[("flags.toml", OFF), (".flagkit/log.jsonl", "")]);
        folder.write("flags.toml", ON);
        folder.write(".flagkit/log.jsonl", "\n");
        commit(&folder);
        expect_change(&folder, 1, &["error [widens] x"]);
        delete_object(&folder, object);
        expect_change(&folder, 8, &["cannot read revision \"HEAD~1\": git: "]);
        expect(&folder, &["diff", "HEAD~1", "HEAD"], if object.contains(".flagkit") { 0 } else { 8 }, &[]);
    }
}

#[test]
fn a_partial_clone_without_its_remote() {
    let folder = widened();
    folder.git(&["config", "uploadpack.allowFilter", "true"]);
    folder.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let partial = clone(&folder, &[filter]);
        partial.git(&["remote", "set-url", "origin", "file:///nonexistent.git"]);
        expect_change(&partial, 8, &["cannot read revision \"HEAD~1\": git: ", "promisor remote"]);
    }
    // With its remote, git fetches what is missing.
    expect_change(&clone(&folder, &["--filter=blob:none"]), 1, &["error [widens] x"]);
}

#[test]
fn a_shallow_clone() {
    let shallow = clone(&widened(), &["--depth", "1"]);
    expect_change(&shallow, 2, &["cannot resolve revision \"HEAD~1\"", "the clone is shallow"]);
}

#[test]
fn a_repository_of_another_owner() {
    let folder = widened();
    let mut command = folder.command(&["check", "--base", "HEAD~1"]);
    command.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1").env("HOME", folder.path("home"));
    command.env("GIT_CONFIG_GLOBAL", folder.path("none")).env("GIT_CONFIG_NOSYSTEM", "1");
    expect_ran(&ended(command), 8, &["detected dubious ownership", "safe.directory"]);
}

#[test]
fn no_git() {
    let folder = widened();
    let mut command = folder.command(&["check", "--base", "HEAD~1"]);
    command.env("PATH", folder.path("src"));
    expect_ran(&ended(command), 8, &["cannot run git: "]);
}

#[test]
fn no_repository() {
    let folder = Folder::with("flags.toml", OFF);
    expect(&folder, &["check", "--base", "HEAD"], 2, &["git: not a git repository"]);
    folder.git(&["init", "-q"]);
    expect(&folder, &["check", "--base", "HEAD"], 2, &["cannot resolve revision \"HEAD\": git: "]);
    let bare = Folder::with("flags.toml", OFF);
    bare.git(&["init", "-q", "--bare"]);
    expect(&bare, &["check", "--base", "HEAD"], 2, &["git: this operation must be run in a work tree"]);
}

/// A hook of git sets such variables, and a user may have them for another repository.
#[test]
fn variables_that_name_another_repository() {
    let (folder, other) = (widened(), repository(&[("flags.toml", ON)]));
    commit(&other);
    let mut command = folder.command(&["check", "--base", "HEAD~1"]);
    command.env("GIT_DIR", other.path(".git")).env("GIT_WORK_TREE", other.root());
    command.env("GIT_INDEX_FILE", other.path(".git/index")).env("GIT_OBJECT_DIRECTORY", other.path(".git/objects"));
    expect_ran(&ended(command), 1, &["error [widens] x"]);
    // A replaced object is another one than the commit names.
    let [old, new] = ["HEAD~1:flags.toml", "HEAD:flags.toml"].map(|name| git_output(&folder, &["rev-parse", name]));
    folder.git(&["replace", &old, &new]);
    expect_change(&folder, 1, &["error [widens] x"]);
}

#[test]
fn a_file_in_a_submodule() {
    let inner = widened();
    let outer = Folder::with("README", "with a submodule\n");
    outer.git(&["init", "-q"]);
    let url = inner.root().display().to_string();
    outer.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "sub"]);
    commit(&outer);
    let from_outside = ["check", "--file", "sub/flags.toml", "--base", "HEAD"];
    expect(&outer, &from_outside, 2, &["it is in the submodule", "run the command in that folder"]);
    let mut command = outer.command(&["check", "--base", "HEAD~1"]);
    command.current_dir(outer.path("sub"));
    expect_ran(&ended(command), 1, &["error [widens] x"]);
}
