//! `go`: widens a flag after checks by machines and a confirmation by a person, and reviews the result.
//!
//! ```text
//! no problems? ─▶ step allowed? ─▶ build? ─▶ checks? ─▶ a person types the name ─▶ signed, if the gate requires it?
//!    ┌───────────────────────────────────────────────────────────────────────────────────────┘
//!    ├─▶ enough people? ─▶ write, if nothing changed ─▶ checks? ─▶ review
//!    └─▶ record the approval, and wait for another person
//! ```
//!
//! A machine can reject the change at each stage, and approve it at none. After the write, only a finished review keeps
//! the change: a failed check, an answer other than `yes`, an interruption and a closed terminal all undo it.
//!
//! - `preflight`: the requirements before the write: the flag, the ramp, the soak, the build, and the checks.
//! - `confirm`: the summary of the change, and the confirmation.
//! - `planned`: what a change needs from people. `approval`: their signatures, and the request that collects them.
//! - `verify`: the checks and the review after the write.
//! - `undo`: narrows the flag again.

mod approval;
mod confirm;
mod planned;
mod preflight;
mod undo;
mod verify;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flagkit_core::Percent;
use fs4::FileExt;
use serde_json::json;

pub(super) use self::approval::{Approval, Collected, Release};
pub(super) use self::confirm::{checks_table, on_failure};
pub(super) use self::planned::{Planned, pending_request};
use self::planned::{is_approved, requested_percent};
pub(super) use self::verify::review;
use super::{check, indented, unknown_flag};
use crate::command_line::CommandLine;
use crate::difference::Difference;
use crate::gate::{Gate, Gates};
use crate::intent::replace_and_log;
use crate::interrupts::Interrupts;
use crate::journal::{Entry, GO, Journal, Transition};
use crate::probe::CheckResult;
use crate::project::{Definitions, Document, Project, digest};
use crate::report::{Exit, Failure, Report, Result};
use crate::request::Request;
use crate::state::State;
use crate::terminal::{self, GOOD, styled};
use crate::write::{Writer, changed, lock_file};

/// The arguments of `go`.
pub(crate) struct GoArgs {
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    /// The target. `None`: the next step of the gate's ramp.
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
    /// The key with which the person signs. `None`: that of the environment, or of git.
    pub(crate) key: Option<PathBuf>,
    pub(crate) dry_run: bool,
}

impl GoArgs {
    /// The command line of `command` for this flag and environment, for a person to copy.
    fn command_line(&self, command: &str, to: Option<State>) -> String {
        let to = to.map(State::number);
        let mut words = vec![command, self.name.as_str()];
        words.extend(to.iter().flat_map(|to| ["--to", to.as_str()]));
        CommandLine::new(&self.file, self.env.as_deref(), &words).to_string()
    }
}

/// An allowed change that is not written yet: the new text of the file, and its effects.
///
/// Created by [`preflight`] and used until the command ends. An undo needs the project as it was before the change.
struct PlannedChange<'a> {
    args: &'a GoArgs,
    /// The files before the change.
    project: Project,
    from: State,
    to: State,
    /// The new text of the document that holds the state.
    text: String,
    differences: Vec<Difference>,
    /// Whether the new text has approvals. The older text has older ones, which programs refuse from then on.
    is_signed: bool,
}

/// The results of the machines before the confirmation. The log keeps them.
pub(super) struct Preflight {
    /// The digest of the gate.
    pub(super) gate: String,
    pub(super) release: Option<String>,
    pub(super) checks: Vec<CheckResult>,
}

/// The outcome of the checks and the review after the write.
pub(super) enum GoOutcome {
    Kept,
    CheckFailed(Vec<CheckResult>),
    Declined,
    Interrupted,
}

/// A change that the files, the log and the machines allow.
struct Prepared<'a> {
    gates: Gates,
    gate: Gate,
    journal: Journal,
    change: PlannedChange<'a>,
    preflight: Preflight,
    /// Held to the end: each of two runs at once would approve a file that the other one changes.
    _lock: Option<File>,
}

pub(crate) fn run(args: &GoArgs) -> Result {
    let mut prepared = match Prepared::new(args)? {
        Ok(prepared) => prepared,
        Err(report) => return Ok(report),
    };
    let release = prepared.release()?.resume()?;
    let summary = prepared.change.summary(&prepared.gate, &prepared.preflight);
    let data = prepared.data();
    if args.dry_run {
        return Ok(Report::new(summary + "nothing was written\n", data));
    }
    // A person without a valid key is rejected before the prompt.
    let person = if terminal::is_interactive() { release.person(args.key.as_deref())? } else { None };
    prepared.change.confirm(&(summary + &release.introduction(person.as_ref())))?;
    let approval = match release.approve(person.as_ref(), &prepared.preflight)? {
        Collected::Waiting(report) => return Ok(report),
        Collected::Complete(approval) => approval,
    };
    prepared.change.text.clone_from(&approval.text);
    prepared.change.is_signed = approval.is_signed();
    prepared.write(&approval, data)
}

/// Requests a release, which people approve later. Writes no flag file.
pub(crate) fn request(args: &GoArgs) -> Result {
    match Prepared::new(args)? {
        Ok(prepared) => prepared.release()?.request(),
        Err(report) => Ok(report),
    }
}

impl<'a> Prepared<'a> {
    /// Checks everything that needs no person. Returns a report instead if there is nothing to do.
    fn new(args: &'a GoArgs) -> Result<std::result::Result<Self, Report>> {
        let file = args.file.as_path();
        let name = args.name.as_str();
        let project = Project::read(file, args.env.as_deref())?;
        let gates = Gates::read(&project.declared)?;
        let gate = gates.of(name).map(|(_, gate)| gate.clone()).unwrap_or_default();
        let journal = Journal::read(file)?;
        let pending = pending_request(file, args.env.as_deref(), name, &project, &journal)?;
        let to = args.to.or_else(|| pending.as_ref().and_then(requested_percent));
        let change = PlannedChange::new(project, args, to, &gate, &journal)?;
        let is_same = change.text == change.project.state_document().text;
        if is_same && is_approved(&change.planned(&gates, &gate, &journal))? {
            let text = format!("{name} is already {}\n", change.from);
            return Ok(Err(Report::new(text, json!({ "flag": name, "written": false }))));
        }
        let lock = if args.dry_run { None } else { Some(lock_exclusive(file)?) };
        let preflight = Preflight::run(&gates, &gate, name)?;
        Ok(Ok(Self { gates, gate, journal, change, preflight, _lock: lock }))
    }

    fn release(&self) -> Result<Release<'_>> {
        Release::new(self.change.planned(&self.gates, &self.gate, &self.journal))
    }

    fn data(&self) -> serde_json::Value {
        let change = &self.change;
        json!({
            "flag": change.name(), "from": change.from.to_string(), "to": change.to.to_string(),
            "checks": self.preflight.checks, "release": self.preflight.release,
            "effects": change.differences.iter().map(Difference::to_json).collect::<Vec<_>>(), "written": false,
        })
    }

    /// Writes the approved change, and undoes it unless the checks and the review after it succeed.
    fn write(self, approval: &Approval, mut data: serde_json::Value) -> Result {
        let Self { gates, gate, change, preflight, .. } = &self;
        let (file, name) = (change.args.file.as_path(), change.name());
        let interrupts = Interrupts::watch()?;
        change.write(file, preflight, approval)?;
        let undo = change.undo_command();
        let now = format!("{name} is now {}", change.to);
        match review(&interrupts, gates, gate, &now) {
            GoOutcome::Kept => {}
            GoOutcome::CheckFailed(failed) => return Err(change.after_failure(file, gate, &failed, &undo)),
            GoOutcome::Declined => {
                let now = change.narrow_again(file, "declined at the review")?;
                let message = format!("the change was not confirmed: {name} is {now} again");
                return Err(Failure::new(Exit::NeedsConfirmation, message));
            }
            GoOutcome::Interrupted => {
                let now = change.narrow_again(file, "interrupted during the review")?;
                return Err(Failure::new(Exit::NeedsConfirmation, format!("interrupted: {name} is {now} again")));
            }
        }
        change.ensure_unchanged(file)?;
        data["written"] = true.into();
        data["undo"] = undo.clone().into();
        let text = format!("{name} is now {} (was {})\nto undo: {undo}\n", styled(GOOD, change.to), change.from);
        Ok(Report::new(text, data))
    }
}

/// Locks `go` and the steps of migrations for this flag file. A second one fails at once.
pub(super) fn lock_exclusive(file: &Path) -> Result<File> {
    let unwritable = |error: io::Error| Failure::io(format!("cannot write beside {}: {error}", file.display()));
    let lock = lock_file(file, "go.lock").map_err(unwritable)?;
    match FileExt::try_lock(&lock) {
        Ok(()) => Ok(lock),
        Err(_) => Err(Failure::new(Exit::Conflict, "another `flagkit go` or `flagkit migrate` is running")
            .with_help("wait until it ends; `flagkit revert` never waits")),
    }
}

impl<'a> PlannedChange<'a> {
    fn name(&self) -> &'a str {
        &self.args.name
    }

    /// The change as people approve it.
    fn planned<'s>(&'s self, gates: &'s Gates, gate: &'s Gate, journal: &'s Journal) -> Planned<'s> {
        let args = self.args;
        Planned {
            file: &args.file,
            env: args.env.as_deref(),
            name: &args.name,
            project: &self.project,
            text: &self.text,
            gates,
            gate,
            journal,
            reason: args.reason.as_deref(),
            command: args.command_line("go", Some(self.to)),
        }
    }

    /// Writes the new text and its entry in the log if the files are unchanged, and removes the request.
    fn write(&self, file: &Path, preflight: &Preflight, approval: &Approval) -> Result<()> {
        let state = self.project.state_document();
        let writer = Writer::new(&state.path)?;
        Journal::can_be_added_to(file)?;
        // The person approved exact contents, which include the declaration.
        for below in self.project.below_state() {
            if Document::read(&below.path)?.digest() != below.digest() {
                return Err(changed(&below.path));
            }
        }
        let env = self.args.env.as_deref();
        approval.ensure_pending(file, env, self.name())?;
        let transition = Transition { flag: self.name().to_owned(), from: Some(self.from), to: self.to };
        let mut entry =
            Entry::new(GO, &state.path, &digest(self.text.as_bytes()), &transition, self.args.reason.clone());
        // An entry that the change adds can inherit, which is a part of the definition.
        entry.definition = Some(Definitions::of(&self.project.with_state(&self.text)?).digest(self.name()));
        entry.gate = Some(preflight.gate.clone());
        entry.checks.clone_from(&preflight.checks);
        entry.release.clone_from(&preflight.release);
        approval.record(&mut entry);
        let before = state.digest();
        let texts = [before.as_deref(), Some(self.text.as_str())];
        let written = replace_and_log(file, &state.path, &writer, texts, vec![entry], true)?;
        let Err(error) = written.logged else {
            // A request that stays counts as none, because its release is done.
            let _ = Request::remove(file, env, self.name());
            return Ok(());
        };
        // A change without an entry must not stay.
        drop(writer);
        let now = self.narrow_again(file, "the log could not be written").map_or(self.to, |now| now);
        Err(Failure::io(format!("cannot write the log: {error}; {} is {now}", self.name())))
    }
}
