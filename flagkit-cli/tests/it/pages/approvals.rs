//! The page about approvals: its quick start, its program, its list, its statement and its commands.

use std::path::Path;
use std::process::{Command, Output};

use flagkit_core::source::ApprovalRequirement;
use flagkit_sources::approvals::{Approvers, Statement};

use super::Page;
use super::commands::repository;
use super::program::{cargo, project};
use crate::support::Folder;

/// The public key of a FIDO device, which was never made.
const HARDWARE_KEY: &str =
    "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo=";

fn page() -> Page {
    Page::read("docs/approvals.md")
}

/// Returns the only block that contains a text.
fn block(text: &str) -> String {
    let blocks: Vec<String> = page().blocks().filter(|block| block.contains(text)).collect();
    assert_eq!(blocks.len(), 1, "the page has one block with {text}");
    blocks.concat()
}

/// Creates a key, and returns the public one.
fn key(path: &Path, key_type: &str) -> String {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let mut command = Command::new("ssh-keygen");
    let status = command.args(["-q", "-N", "", "-C", "", "-t", key_type, "-f"]).arg(path).status();
    assert!(status.expect("ssh-keygen runs").success());
    std::fs::read_to_string(path.with_extension("pub")).expect("a key").trim().to_owned()
}

/// Returns a list of two people with keys that are gone.
pub(super) fn list_of_two() -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    ["alice", "bob"].map(|name| format!("{name} {}\n", key(&folder.path().join(name), "ed25519"))).concat()
}

/// Runs lines of a shell as a person with this home does.
fn shell(folder: &Folder, home: &Path, lines: &str) -> Output {
    let folder_of_command = Path::new(env!("CARGO_BIN_EXE_flagkit")).parent().expect("a folder");
    let path = std::env::var("PATH").expect("a path");
    let mut command = Command::new("sh");
    command.args(["-e", "-c", lines]).current_dir(folder.root()).env("NO_COLOR", "1").env_remove("FLAGKIT_KEY");
    command.env("HOME", home).env("PATH", format!("{}:{path}", folder_of_command.display()));
    command.output().expect("sh runs")
}

#[track_caller]
fn go(folder: &Folder, key: &Path, line: &str, code: i32) {
    let words = line.split_whitespace().skip(1).chain(["--key", key.to_str().expect("UTF-8")]);
    let mut terminal = folder.terminal(&words.collect::<Vec<_>>());
    terminal.wait_for("to let it be seen: ");
    terminal.answer("new-checkout");
    let (got, screen) = terminal.end();
    assert_eq!(got, code, "{screen}");
}

#[test]
fn the_quick_start_on_the_page_of_approvals_works() {
    let (folder, people) = (Folder::new(), tempfile::tempdir().expect("a temporary directory"));
    let [alice, bob] = ["alice/.ssh/id_ed25519", "bob/.ssh/id_ed25519"].map(|path| people.path().join(path));
    let keys = [&alice, &bob].map(|path| key(path, "ed25519"));
    folder.write("src/main.rs", "fn main() { flag!(\"new-checkout\"); }\n");
    folder.write("flags.toml", &format!("{}\n[flags]\nnew-checkout = false\n", block("confirm = \"signed\"  ")));

    let enrolled = shell(&folder, &people.path().join("alice"), &block("mkdir -p .flagkit"));
    let out = String::from_utf8_lossy(&enrolled.stdout);
    assert!(enrolled.status.success() && out.contains("alice@example.com  ssh-ed25519"), "{enrolled:?}");
    let one = folder.run(&["check"]);
    assert!(one.code == 1 && one.out.contains("requires 2 people, and 1 person has"), "{one:?}");
    folder.write(".flagkit/approvers", &format!("{}bob {}\n", folder.read(".flagkit/approvers"), keys[1]));
    assert_eq!(folder.run(&["check"]).code, 0);

    let lines = block("flagkit request new-checkout");
    let lines: Vec<&str> = lines.lines().map(|line| line.split(" #").next().unwrap_or_default()).collect();
    let [request, first, second] = lines[..] else { panic!("three commands: {lines:?}") };
    // Neither an agent nor CI has a terminal.
    for line in [request, first] {
        let output = shell(&folder, people.path(), line);
        assert_eq!(output.status.code(), Some(4), "{line}: {output:?}");
    }
    go(&folder, &alice, first, 5);
    go(&folder, &bob, second, 0);
    let verify = block("flagkit approvers verify");
    let verified = shell(&folder, people.path(), &verify);
    let out = String::from_utf8_lossy(&verified.stdout);
    assert!(
        verified.status.success() && out.contains("new-checkout  10%  approved (2 people, signed)"),
        "{verified:?}"
    );
}

#[test]
fn the_program_on_the_page_of_approvals_compiles() {
    let (folder, keys) = (project(), tempfile::tempdir().expect("a temporary directory"));
    let features = "features = [\"approvals\"]";
    assert!(page().file("Cargo.toml").contains(features), "the page enables the feature");
    let dependency = "flagkit-sources = { ";
    let manifest = folder.read("Cargo.toml");
    let enabled = manifest.replace(dependency, &format!("{dependency}{features}, "));
    assert_ne!(enabled, manifest);
    folder.write("Cargo.toml", &enabled);
    folder.write("src/main.rs", &page().file("src/main.rs"));
    folder.write(".flagkit/approvers", &format!("alice {}\n", key(&keys.path().join("key"), "ed25519")));
    let output = cargo(&folder, &["check"]).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_list_on_the_page_of_approvals_is_valid() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let mut list = String::new();
    for line in block("bob@example.com namespaces=").lines() {
        // The page shortens the keys.
        let (begin, data) = line.rsplit_once(' ').expect("words");
        let key = match begin.rsplit(' ').next() {
            Some("sk-ssh-ed25519@openssh.com") => HARDWARE_KEY.to_owned(),
            Some("ssh-ed25519") => data_of(&key(&keys.path().join("ed25519"), "ed25519")),
            Some("ecdsa-sha2-nistp256") => data_of(&key(&keys.path().join("ecdsa"), "ecdsa")),
            _ => data.to_owned(),
        };
        list.extend([begin, " ", &key, "\n"]);
    }
    let approvers = Approvers::parse(&list).expect("a list");
    assert_eq!((approvers.entries().len(), approvers.rejected()), (3, &[][..]), "{list}");
    assert_eq!(approvers.floor().humans, 2);
}

/// Returns the data of a public key.
fn data_of(key: &str) -> String {
    key.split(' ').nth(1).expect("data").to_owned()
}

#[test]
fn the_statement_on_the_page_of_approvals_has_every_field() {
    let digest = format!("sha256:{:064}", 1);
    let statement = Statement {
        env: "prod".into(),
        flag: "x".into(),
        before: digest.clone(),
        after: digest.clone(),
        to: "on".into(),
        serial: 1,
        release: None,
        checks: None,
        gate: digest,
        requirement: ApprovalRequirement::default(),
        by: "alice".into(),
        at: "2026-11-29T10:03:11Z".into(),
    };
    let names = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.split_once(": ")?.0.to_owned())).collect()
    };
    let signed = statement.to_text().expect("valid");
    let shown = block("flagkit-approval-v1\n");
    assert_eq!(names(&shown), names(&signed));
    for name in names(&signed) {
        assert!(page().text.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`"))), "{name}");
    }
}

#[test]
fn the_check_in_ci_on_the_page_of_approvals_runs() {
    let workflow = block("flagkit check --base");
    let line = workflow.lines().find_map(|line| line.split_once("run: flagkit check")).expect("a command").1;
    let line = line.replace("${{ github.base_ref }}", "main");
    let folder = repository();
    let ran = folder.run(&["check"].into_iter().chain(line.split_whitespace()).collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{ran:?}");
}
