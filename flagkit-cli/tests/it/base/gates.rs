//! A `go` counts only for the gate that was in force for it.

use std::fs;

use super::{GATE, OFF, commit, edit, expect, expect_change, go, repository};
use crate::support::{Folder, Reply, Server};

/// A gate with a check of this server.
fn gate(server: &Server, contains: &str) -> String {
    format!(
        "[defaults]\ngate = \"g\"\n[gate.g]\nchecks = [\"home\"]\nramp = [10, 100]\n[check.home]\nurl = \"{}\"\n\
         expect = {{ contains = \"{contains}\" }}\n",
        server.url()
    )
}

fn gated(server: &Server) -> Folder {
    repository(&[("flags.toml", &(OFF.to_owned() + &gate(server, "Pay now")))])
}

#[test]
fn a_gate_that_is_put_back_before_the_commit() {
    let server = Server::new(Reply::ok("Listing"));
    for (name, from, to) in [
        ("the text of a check", "Pay now", "Listing"),
        ("a check", "checks = [\"home\"]", "checks = []"),
        ("the ramp", "ramp = [10, 100]", "ramp = [20, 100]"),
        ("the gate", "gate = \"g\"", "gate = \"h\"\n[gate.h]"),
    ] {
        let folder = gated(&server);
        let honest = folder.read("flags.toml");
        edit(&folder, "flags.toml", from, to);
        let listing = folder.read("flags.toml").replace("Pay now", "Listing");
        folder.write("flags.toml", &listing);
        go(&folder, &["x", "--to", if name == "the ramp" { "20" } else { "10" }]);
        let state = folder.read("flags.toml").lines().nth(1).expect("a line").to_owned();
        folder.write("flags.toml", &honest.replace("x = false", &state));
        commit(&folder);
        expect_change(&folder, 1, &["error [widens] x", "its `go` in flags.toml lacks ", "the same gate"]);
    }
}

#[test]
fn the_gate_of_the_base() {
    let server = Server::new(Reply::ok("Pay now"));
    let folder = gated(&server);
    go(&folder, &["x"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    // Another order of keys, spaces and comments make no other gate.
    edit(
        &folder,
        "flags.toml",
        "checks = [\"home\"]\nramp = [10, 100]",
        "# by card\nramp   = [ 10, 100.0 ]\nchecks = ['home']",
    );
    go(&folder, &["y"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
}

#[test]
fn an_entry_without_a_gate() {
    let server = Server::new(Reply::ok("Pay now"));
    let folder = gated(&server);
    go(&folder, &["x"]);
    let mut entry = folder.entries().remove(0);
    entry.as_object_mut().expect("an entry").remove("gate");
    folder.write(".flagkit/log.jsonl", &format!("{entry}\n"));
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x"]);
}

#[test]
fn a_flag_may_be_declared_and_released_in_one_change() {
    let new = "new = false\n";
    for (gate, code, shows) in [("", 0, "0 errors"), (GATE, 1, "its `go` in flags.toml lacks a step of the ramp")] {
        let folder = repository(&[("flags.toml", &(OFF.to_owned() + gate))]);
        folder.write("src/main.rs", "fn main() { flag!(\"x\"); flag!(\"y\"); flag!(\"new\"); }\n");
        folder.write("flags.toml", &(OFF.to_owned() + new));
        go(&folder, &["new"]);
        let released = folder.read("flags.toml");
        folder.write("flags.toml", &(released.clone() + gate));
        commit(&folder);
        expect_change(&folder, code, &[shows]);
        fs::remove_file(folder.path(".flagkit/log.jsonl")).expect("a log");
        commit(&folder);
        expect(&folder, &["check", "--base", "HEAD~2"], 1, &["error [widens] new"]);
    }
}
