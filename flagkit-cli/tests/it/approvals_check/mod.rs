//! Approvals in `check`, `approvers` and the commands that inspect flags: with real keys, signatures and repositories.

mod base;
mod inspect;
mod list;
mod list_change;
mod migrations;
mod present;
mod replay;

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Folder, Ran};

/// The flag `x` with a gate that requires one signature.
const SIGNED: &str = "[flags.x]\ngate = \"g\"\ndescription = \"x\"\n[gate.g]\nconfirm = \"signed\"\n";

/// A person with a key, which is in a folder outside of the repository.
struct Person {
    name: &'static str,
    folder: tempfile::TempDir,
}

impl Person {
    fn new(name: &'static str) -> Self {
        Self::with_key(name, &["-t", "ed25519"])
    }

    /// Creates the key with these options of `ssh-keygen`.
    fn with_key(name: &'static str, options: &[&str]) -> Self {
        let person = Self { name, folder: tempfile::tempdir().expect("a temporary directory") };
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-N", "", "-C", name, "-f"]).arg(person.key()).args(options);
        let output = command.output().expect("ssh-keygen runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        person
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    fn public_key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("key.pub")).expect("a key").trim().to_owned()
    }

    /// The line of the person in a list, with these options.
    fn line(&self, options: &str) -> String {
        let space = if options.is_empty() { "" } else { " " };
        format!("{}{space}{options} {}\n", self.name, self.public_key())
    }

    /// Runs `go` at a terminal, and signs. Returns the exit code and the output.
    fn go(&self, folder: &Folder, arguments: &[&str]) -> (i32, String) {
        let key = self.key();
        let key = key.to_str().expect("UTF-8");
        let mut terminal = folder.terminal(&[&["go"], arguments, &["--key", key]].concat());
        terminal.wait_for("to let it be seen: ");
        terminal.answer(arguments[0]);
        terminal.end()
    }
}

/// A repository with a list of these lines, and with code that reads `x`.
fn repository(flags: &str, list: &str) -> Folder {
    let folder = Folder::new();
    folder.write("src/main.rs", "fn main() { flag!(\"x\"); }\n");
    folder.write("flags.toml", flags);
    folder.write("flags.prod.toml", "[flags]\n");
    folder.write(".flagkit/approvers", list);
    folder.git(&["init", "-q"]);
    commit(&folder);
    folder
}

fn commit(folder: &Folder) {
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "a change", "--allow-empty"]);
}

/// Releases `x` in `prod`, and commits the result.
#[track_caller]
fn release(folder: &Folder, person: &Person, arguments: &[&str]) {
    let (code, screen) = person.go(folder, &[&["x", "--env", "prod"], arguments].concat());
    assert_eq!(code, 0, "{screen}");
    commit(folder);
}

fn edit(folder: &Folder, name: &str, from: &str, to: &str) {
    let text = folder.read(name);
    assert!(text.contains(from), "{text}");
    folder.write(name, &text.replacen(from, to, 1));
}

/// The exit code and the output must be these, and no other finding of approvals.
#[track_caller]
fn expect(ran: &Ran, code: i32, shows: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    for part in shows {
        assert!(ran.out.contains(part) || ran.err.contains(part), "no {part:?} in {}{}", ran.out, ran.err);
    }
}

/// The rules and levels of the findings, without those about metadata.
#[track_caller]
fn rules(folder: &Folder, arguments: &[&str]) -> Vec<(String, String)> {
    let envelope = folder.json(&[&["check"], arguments].concat());
    let findings = envelope["data"]["findings"].as_array().expect("findings").clone();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let rules = findings.iter().map(|finding| (text(&finding["rule"]), text(&finding["level"])));
    rules.filter(|(rule, _)| rule != "metadata").collect()
}
