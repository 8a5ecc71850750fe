//! An approval is used up once it was replaced, or once its flag was reverted. With a state folder, a restart does not
//! change that.

use std::fs;
use std::path::Path;
use std::time::Duration;

use flagkit_sources::approvals::Statement;
use flagkit_sources::{File, Guard};

use crate::support::approvals::{ENV, KEY, Person, Signed, document, follow, list, refusal, statement};
use crate::support::{TestDir, builder, is_on, wait_until};

const STORED: &str = "state/approvals-prod";

fn definition(rollout: &str) -> String {
    format!("on = true\nrollout = \"{}\"\n", rollout.replace("on", "100%"))
}

fn signed(to: &str, serial: u64) -> Signed {
    let statement = Statement { serial, ..statement(&definition(to), to) };
    Signed::new(&statement, &Person::new("alice", 1))
}

/// Returns a document with this rollout and the approval of this state.
fn approved(rollout: &str, to: &str, serial: u64) -> String {
    document(&definition(rollout), &[signed(to, serial)])
}

fn off(to: &str, serial: u64) -> String {
    document("on = false\n", &[signed(to, serial)])
}

struct Program {
    dir: TestDir,
    guard: Option<Guard>,
    has_state_folder: bool,
}

impl Program {
    fn start(document: &str, has_state_folder: bool) -> Self {
        let dir = TestDir::new();
        dir.write(document);
        let mut program = Self { dir, guard: None, has_state_folder };
        program.restart();
        program
    }

    fn restart(&mut self) {
        self.guard = None;
        let folder = self.dir.path("state");
        let folder = Some(&*folder).filter(|_| self.has_state_folder);
        self.guard = Some(follow(&self.dir.flags(), &list(&[&Person::new("alice", 1)]), folder));
    }

    fn guard(&self) -> &Guard {
        self.guard.as_ref().expect("it runs")
    }

    /// Replaces the file, and waits until it is read.
    fn replace(&self, document: &str) {
        let loads = || self.guard().flags().status().sources[0].loads;
        let before = loads();
        self.dir.replace(document);
        wait_until("the file is read", || loads() > before);
    }

    fn refusal(&self) -> Option<String> {
        refusal(self.guard())
    }

    fn warnings(&self) -> Vec<String> {
        let status = self.guard().flags().status();
        let source = status.sources.last().expect("the source of approvals");
        source.warnings.iter().map(ToString::to_string).collect()
    }
}

fn reverted(to: &str) -> String {
    format!("an approval of a state that was reverted since: at most \"{to}\" remains approved")
}

#[test]
fn an_older_approval_is_a_replay() {
    let mut program = Program::start(&approved("100%", "on", 7), true);
    assert_eq!(program.refusal(), None);
    program.replace(&approved("100%", "on", 8));
    assert_eq!(program.refusal(), None);
    let replayed = Some("a replayed approval: its serial is 7, and 8 was accepted before".into());
    program.replace(&approved("100%", "on", 7));
    assert_eq!(program.refusal(), replayed);
    program.restart();
    assert_eq!(program.refusal(), replayed, "after a restart");
    program.replace(&approved("100%", "on", 8));
    assert_eq!(program.refusal(), None, "the newest one counts again");
}

#[test]
fn a_revert_uses_the_approval_up() {
    let mut program = Program::start(&approved("50%", "50%", 7), true);
    program.replace(&off("50%", 7));
    assert!(!is_on(program.guard(), KEY) && program.refusal().is_none());
    program.replace(&approved("50%", "50%", 7));
    assert_eq!(program.refusal(), Some(reverted("off")));
    program.restart();
    assert_eq!(program.refusal(), Some(reverted("off")), "after a restart");
    program.replace(&approved("50%", "50%", 8));
    assert_eq!(program.refusal(), None, "a new approval counts");
}

#[test]
fn a_partial_revert_stays_on_and_uses_the_rest_up() {
    let mut program = Program::start(&approved("50%", "50%", 7), true);
    program.replace(&approved("10%", "50%", 7));
    assert_eq!(program.refusal(), None);
    program.replace(&approved("25%", "50%", 7));
    assert_eq!(program.refusal(), Some(reverted("10%")));
    program.restart();
    assert_eq!(program.refusal(), Some(reverted("10%")), "after a restart");
    program.replace(&approved("10%", "50%", 7));
    assert_eq!(program.refusal(), None);
}

#[test]
fn a_revert_that_removes_the_approvals_uses_them_up_too() {
    let program = Program::start(&approved("50%", "50%", 7), false);
    program.replace("[flags]\nnew-checkout = false\n");
    program.replace(&approved("50%", "50%", 7));
    assert_eq!(program.refusal(), Some(reverted("off")));
}

/// An optional file may never exist. A revert in another one still counts.
#[test]
fn a_revert_counts_while_a_layer_is_missing() {
    let dir = TestDir::new();
    dir.write(approved("50%", "50%", 7));
    let guard = builder()
        .required(File::new(dir.flags()))
        .optional(File::new(dir.path("flags.local.toml")))
        .require_approvals(list(&[&Person::new("alice", 1)]), ENV)
        .start()
        .expect("starts");
    assert_eq!(refusal(&guard), None);
    let program = Program { dir, guard: Some(guard), has_state_folder: false };
    program.replace(&off("50%", 7));
    program.replace(&approved("50%", "50%", 7));
    assert_eq!(program.refusal(), Some(reverted("off")));
}

/// A flag seems off as long as the file that has it on is missing. That is no revert.
#[test]
fn a_file_that_is_missing_at_a_start_uses_no_approval_up() {
    let dir = TestDir::new();
    let prod = dir.path("flags.prod.toml");
    let start = || {
        builder()
            .required(File::new(dir.flags()))
            .optional(File::new(&prod).poll_every(Duration::from_millis(20)))
            .require_approvals(list(&[&Person::new("alice", 1)]), ENV)
            .state_folder(dir.path("state"))
            .start()
            .expect("starts")
    };
    dir.write("[flags]\nnew-checkout = false\n");
    fs::write(&prod, approved("50%", "50%", 7)).expect("written");
    let guard = start();
    assert_eq!(refusal(&guard), None);
    drop(guard);
    fs::remove_file(&prod).expect("removed");
    let guard = start();
    assert!(!is_on(&guard, KEY));
    fs::write(&prod, approved("50%", "50%", 7)).expect("written");
    wait_until("the file is back", || guard.flags().status().sources[1].loads > 0);
    assert_eq!(refusal(&guard), None);
}

#[test]
fn a_serial_far_beyond_the_time_of_its_statement_is_refused() {
    // A later release could not exceed it.
    for serial in [u64::from(u32::MAX), i64::MAX as u64] {
        let program = Program::start(&approved("50%", "50%", serial), false);
        let refusal = program.refusal().expect("it is refused");
        assert!(refusal.contains("serial") && refusal.contains("more than a day after"), "{refusal}");
    }
}

#[test]
fn a_flag_that_is_off_at_the_start_uses_its_approval_up() {
    let program = Program::start(&off("50%", 7), false);
    program.replace(&approved("50%", "50%", 7));
    assert_eq!(program.refusal(), Some(reverted("off")));
}

#[test]
fn a_key_that_no_document_declares_lowers_nothing() {
    let program = Program::start(&approved("50%", "50%", 7), true);
    program.replace("[flags]\n");
    program.replace(&approved("50%", "50%", 7));
    assert_eq!(program.refusal(), None);
}

#[test]
fn without_a_state_folder_a_restart_forgets_the_newest_approval() {
    let mut program = Program::start(&approved("50%", "50%", 7), false);
    program.replace(&off("50%", 7));
    program.dir.write(approved("50%", "50%", 7));
    program.restart();
    assert_eq!(program.refusal(), None);
    assert!(!program.dir.path("state").exists());
}

#[test]
fn a_damaged_file_is_a_warning_and_is_replaced() {
    let mut program = Program::start(&approved("50%", "50%", 8), true);
    let path = program.dir.path(STORED);
    wait_until("the marks are stored", || path.exists());
    for damaged in [&b""[..], b"\xff\xfe", b"flagkit-approval-marks-v1\ndigest 00\n"] {
        program.guard = None;
        fs::write(&path, damaged).expect("written");
        program.restart();
        let warnings = program.warnings();
        assert!(warnings.iter().any(|warning| warning.contains("the file is damaged")), "{warnings:?}");
        assert_eq!(program.refusal(), None);
        wait_until("the file is whole again", || fs::read(&path).is_ok_and(|bytes| bytes.len() > 60));
    }
    program.replace(&approved("50%", "50%", 7));
    program.restart();
    assert!(program.refusal().is_some_and(|refusal| refusal.contains("replayed")) && program.warnings().is_empty());
}

#[test]
fn two_processes_share_a_folder() {
    let first = Program::start(&approved("50%", "50%", 7), true);
    let second = follow(&first.dir.flags(), &list(&[&Person::new("alice", 1)]), Some(&first.dir.path("state")));
    drop(second);
    first.replace(&approved("50%", "50%", 9));
    let stored = || fs::read_to_string(first.dir.path(STORED)).unwrap_or_default();
    wait_until("the marks are stored", || stored().contains("new-checkout 9 50%\n"));
}

/// Returns the permissions of a file.
#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).expect("the file exists").permissions().mode() & 0o777
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_file_and_a_file_of_others_is_ignored() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut program = Program::start(&approved("50%", "50%", 8), true);
    let path = program.dir.path(STORED);
    wait_until("the marks are stored", || path.exists());
    assert_eq!(mode(&path), 0o600);
    program.guard = None;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("changed");
    program.dir.write(approved("50%", "50%", 7));
    program.restart();
    let warnings = program.warnings();
    assert!(warnings.iter().any(|warning| warning.contains("other users may write it")), "{warnings:?}");
    assert_eq!(program.refusal(), None, "the file is ignored");
}

#[test]
fn a_folder_that_cannot_be_written_is_a_warning() {
    let dir = TestDir::new();
    dir.write(approved("50%", "50%", 7));
    // A file in the position of the folder fails for every user.
    fs::write(dir.path("state"), "").expect("written");
    let guard = follow(&dir.flags(), &list(&[&Person::new("alice", 1)]), Some(&dir.path("state")));
    assert_eq!(refusal(&guard), None);
    wait_until("the warning", || {
        let status = guard.flags().status();
        let warnings = &status.sources.last().expect("the source of approvals").warnings;
        warnings.iter().any(|warning| warning.contains("cannot write the newest approvals to"))
    });
}
