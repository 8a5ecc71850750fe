//! Links: the check compares what a program reads at each revision.

use std::fs;

use super::{OFF, ON, commit, expect, expect_change, link, repository};

#[test]
fn a_link_that_leads_to_another_file() {
    let folder = repository(&[("states/off.toml", OFF), ("states/on.toml", ON)]);
    link(&folder, "states/off.toml", "flags.toml");
    commit(&folder);
    link(&folder, "states/on.toml", "flags.toml");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x"]);
    expect(&folder, &["diff", "HEAD~1", "HEAD"], 0, &["widens  x"]);
    link(&folder, "states/off.toml", "flags.toml");
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
}

#[test]
fn a_file_that_becomes_a_link_and_a_link_that_becomes_a_file() {
    let folder = repository(&[("fixtures/on.toml", ON), ("flags.toml", OFF)]);
    link(&folder, "fixtures/on.toml", "flags.toml");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x"]);
    fs::remove_file(folder.path("flags.toml")).expect("a link");
    folder.write("flags.toml", &ON.replace("y = false", "y = true"));
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] y", "1 error"]);
}

#[test]
fn a_folder_that_is_a_link() {
    let files = [("envs/on/flags.toml", ON), ("envs/off/flags.toml", OFF)];
    let folder = repository(&files);
    let code = folder.read("src/main.rs");
    for path in ["envs/on/main.rs", "envs/off/main.rs"] {
        folder.write(path, &code);
    }
    link(&folder, "envs/off", "config");
    commit(&folder);
    link(&folder, "envs/on", "config");
    commit(&folder);
    let check = ["check", "--file", "config/flags.toml", "--base"];
    expect(&folder, &[&check[..], &["HEAD~1"]].concat(), 1, &["error [widens] x"]);
    expect(&folder, &[&check[..], &["HEAD"]].concat(), 0, &["0 errors"]);
    let path = folder.path("src/../config/flags.toml").display().to_string();
    expect(&folder, &["check", "--file", &path, "--base", "HEAD~1"], 1, &["error [widens] x"]);
}

#[test]
fn chains_of_links() {
    let folder = repository(&[("a/off.toml", OFF), ("a/on.toml", ON), ("b/unused", "")]);
    link(&folder, "a", "current");
    link(&folder, "../current/off.toml", "b/state.toml");
    let inside = folder.root().canonicalize().expect("a folder").join("b/state.toml").display().to_string();
    link(&folder, &inside, "flags.toml");
    commit(&folder);
    link(&folder, "../current/on.toml", "b/state.toml");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x"]);
}

#[test]
fn an_environment_with_a_link() {
    let folder = repository(&[("flags.toml", ON), ("states/prod.toml", "[flags]\nx = false\n")]);
    link(&folder, "states/prod.toml", "flags.prod.toml");
    commit(&folder);
    folder.remove("flags.prod.toml");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
    folder.write("flags.prod.toml", "[flags]\nx = true\n");
    commit(&folder);
    expect(&folder, &["check", "--base", "HEAD~2"], 1, &["error [widens] x"]);
}

#[test]
fn a_link_out_of_the_repository() {
    let outside = repository(&[("on.toml", ON), ("off.toml", OFF)]);
    let target = |name: &str| outside.path(name).display().to_string();
    let folder = repository(&[("flags.toml", OFF)]);
    link(&folder, &target("on.toml"), "flags.toml");
    commit(&folder);
    expect_change(&folder, 1, &["error [base] cannot compare: it is a link to ", "outside of the repository"]);
    // No flag is on, but no revision says so.
    link(&folder, &target("off.toml"), "flags.toml");
    commit(&folder);
    expect_change(&folder, 1, &["error [base] cannot compare"]);
    // The base counts as the file that the repository had last.
    fs::remove_file(folder.path("flags.toml")).expect("a link");
    folder.write("flags.toml", ON);
    commit(&folder);
    expect_change(&folder, 1, &["warning [base] cannot read the flags at HEAD~1", "error [widens] x"]);
    link(&folder, "..", "up");
    let path = format!("up/{}/off.toml", outside.root().file_name().expect("a name").to_string_lossy());
    expect(&folder, &["check", "--file", &path, "--base", "HEAD"], 1, &["error [base] cannot compare"]);
}

#[test]
fn links_that_lead_nowhere() {
    for target in ["gone.toml", "flags.toml", "../../../../../../../gone.toml", "src", "src/main.rs/x.toml"] {
        let folder = repository(&[("README", "")]);
        link(&folder, target, "flags.toml");
        commit(&folder);
        fs::remove_file(folder.path("flags.toml")).expect("a link");
        folder.write("flags.toml", ON);
        commit(&folder);
        let why = "every flag that is on counts as new";
        expect_change(&folder, 1, &["warning [base] cannot read the flags at HEAD~1", why, "error [widens] x"]);
        folder.write("flags.toml", OFF);
        expect(&folder, &["check", "--base", "HEAD~1"], 0, &["warning [base]"]);
    }
}
