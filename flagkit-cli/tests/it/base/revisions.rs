//! Names of revisions: ambiguous ones, and ones that are no single commit.

use super::{OFF, ON, clone, commit, expect, git_output, repository};
use crate::support::Folder;

/// A clone of a repository with `x` off, and a branch in which `x` is on.
fn widened_branch() -> (Folder, Folder) {
    let origin = repository(&[("flags.toml", OFF)]);
    let folder = clone(&origin, &[]);
    folder.git(&["checkout", "-qb", "feature"]);
    folder.write("flags.toml", ON);
    commit(&folder);
    (origin, folder)
}

#[test]
fn a_name_with_two_meanings() {
    for (kind, name) in [("tag", "origin/main"), ("branch", "origin/main"), ("tag", "main"), ("tag", "feature")] {
        let (_origin, folder) = widened_branch();
        folder.git(&[kind, name]);
        let message = format!("cannot resolve revision \"{name}");
        for suffix in ["", "~0", "^0", "^{commit}"] {
            let base = format!("{name}{suffix}");
            expect(&folder, &["check", "--base", &base], 1, &[&message, "is ambiguous"]);
            expect(&folder, &["diff", &base, "flags.toml"], 1, &[&message, "is ambiguous"]);
        }
        folder.git(&["config", "core.warnAmbiguousRefs", "false"]);
        expect(&folder, &["check", "--base", name], 1, &["is ambiguous"]);
        expect(&folder, &["check", "--base", "refs/remotes/origin/main"], 1, &["error [widens] x"]);
    }
}

#[test]
fn a_tag_that_replaces_a_branch_of_a_remote() {
    let (_origin, folder) = widened_branch();
    folder.git(&["tag", "origin/release"]);
    let why = "it is refs/tags/origin/release, and not a branch of the remote origin";
    expect(&folder, &["check", "--base", "origin/release"], 1, &[why]);
    expect(&folder, &["check", "--base", "origin/release~0"], 1, &[why]);
}

#[test]
fn a_tag_named_like_a_hash() {
    let (_origin, folder) = widened_branch();
    let hash = git_output(&folder, &["rev-parse", "origin/main"]);
    let short = &hash[..10];
    expect(&folder, &["check", "--base", short], 1, &["error [widens] x"]);
    expect(&folder, &["check", "--base", &hash], 1, &["error [widens] x"]);
    folder.git(&["tag", short]);
    expect(&folder, &["check", "--base", short], 1, &["is ambiguous"]);
    folder.git(&["update-ref", &format!("refs/heads/{hash}"), "HEAD"]);
    expect(&folder, &["check", "--base", &hash], 1, &["is ambiguous"]);
}

#[test]
fn what_is_no_single_commit() {
    let (_origin, folder) = widened_branch();
    let names = [
        "",
        " ",
        "^HEAD~1",
        "HEAD~1..HEAD",
        "HEAD~1...HEAD",
        "HEAD^@",
        "HEAD^!",
        "HEAD^-",
        "--all",
        "-q",
        "--",
        "HEAD^{tree}",
        "HEAD:flags.toml",
        ":/change",
        "@{u}",
        "@{-5}",
        "HEAD~99",
        "nowhere",
        "HEAD\nHEAD~1",
    ];
    for name in names {
        let base = format!("--base={name}");
        let ran = folder.run(&["check", &base]);
        assert_eq!(ran.code, 2, "{name:?}: {ran:?}");
        assert!(ran.err.contains("cannot resolve revision") && ran.out.is_empty(), "{name:?}: {ran:?}");
    }
}

#[test]
fn names_of_one_commit() {
    let (_origin, folder) = widened_branch();
    folder.git(&["branch", "-q", "--set-upstream-to", "origin/main"]);
    for name in ["origin/main", "main", "HEAD~1", "HEAD^", "@~1", "@{u}", "feature~1", "heads/main", "main@{0}"] {
        expect(&folder, &["check", "--base", name], 1, &["error [widens] x", "1 error, 0 warnings"]);
    }
}
