//! `go`: widens a flag after checks by machines and a confirmation by a person, and reviews the result.
//!
//! ```text
//! no problems? ─▶ step allowed? ─▶ build? ─▶ checks? ─▶ a person types the name ─▶ write, if nothing changed
//!                                                                                   └─▶ checks? ─▶ review
//! ```
//!
//! A machine can reject the change at each stage, and approve it at none. After the write, only a finished review keeps
//! the change: a failed check, an answer other than `yes`, an interruption and a closed terminal all undo it.
//!
//! - `preflight`: the requirements before the write: the flag, the ramp, the soak, the build, and the checks.
//! - `confirm`: the summary of the change, and the confirmation.
//! - `verify`: the checks and the review after the write.
//! - `undo`: narrows the flag again.

mod confirm;
mod preflight;
mod undo;
mod verify;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flagkit_core::Percent;
use fs4::FileExt;
use serde_json::json;

pub(super) use self::confirm::{checks_table, on_failure};
pub(super) use self::verify::review;
use super::{check, indented, unknown_flag};
use crate::command_line::CommandLine;
use crate::difference::Difference;
use crate::gate::Gates;
use crate::interrupts::Interrupts;
use crate::journal::{Entry, GO, Journal, Transition};
use crate::probe::CheckResult;
use crate::project::{Definitions, Document, Project, digest};
use crate::report::{Exit, Failure, Report, Result};
use crate::state::State;
use crate::terminal::{GOOD, styled};
use crate::write::{Writer, changed, lock_file};

/// The arguments of `go`.
pub(crate) struct GoArgs {
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    /// The target. `None`: the next step of the gate's ramp.
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
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

pub(crate) fn run(args: &GoArgs) -> Result {
    let file = args.file.as_path();
    let name = args.name.as_str();
    let project = Project::read(file, args.env.as_deref())?;
    let gates = Gates::read(&project.declared)?;
    let gate = gates.of(name).map(|(_, gate)| gate.clone()).unwrap_or_default();
    let journal = Journal::read(file)?;
    let change = PlannedChange::new(project, args, &gate, &journal)?;
    if change.text == change.project.state_document().text {
        let text = format!("{name} is already {}\n", change.from);
        return Ok(Report::new(text, json!({ "flag": name, "written": false })));
    }
    // Held to the end: each of two runs at once would approve a file that the other one changes.
    let _lock = if args.dry_run { None } else { Some(lock_exclusive(file)?) };

    let preflight = Preflight::run(&gates, &gate, name)?;
    let summary = change.summary(&gate, &preflight);
    let mut data = json!({
        "flag": name, "from": change.from.to_string(), "to": change.to.to_string(), "checks": preflight.checks,
        "release": preflight.release, "effects": change.differences.iter().map(Difference::to_json).collect::<Vec<_>>(),
    });
    if args.dry_run {
        data["written"] = false.into();
        return Ok(Report::new(summary + "nothing was written\n", data));
    }
    change.confirm(&summary)?;
    let interrupts = Interrupts::watch()?;
    change.write(file, &preflight)?;
    let undo = change.undo_command();
    let now = format!("{name} is now {}", change.to);
    match review(&interrupts, &gates, &gate, &now) {
        GoOutcome::Kept => {}
        GoOutcome::CheckFailed(failed) => return Err(change.after_failure(file, &gate, &failed, &undo)),
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

    /// Writes the new text if the files are unchanged, and then the entry of the log.
    fn write(&self, file: &Path, preflight: &Preflight) -> Result<()> {
        let state = self.project.state_document();
        let writer = Writer::new(&state.path)?;
        Journal::can_be_added_to(file)?;
        // The person approved exact contents, which include the declaration.
        for below in self.project.below_state() {
            if Document::read(&below.path)?.digest() != below.digest() {
                return Err(changed(&below.path));
            }
        }
        writer.replace(state.digest().as_deref(), &self.text)?;
        let transition = Transition { flag: self.name().to_owned(), from: Some(self.from), to: self.to };
        let mut entry =
            Entry::new(GO, &state.path, &digest(self.text.as_bytes()), &transition, self.args.reason.clone());
        entry.definition = Some(Definitions::of(&self.project).digest(self.name()));
        entry.gate = Some(preflight.gate.clone());
        entry.checks.clone_from(&preflight.checks);
        entry.release.clone_from(&preflight.release);
        let Err(error) = Journal::append(file, [entry]) else { return Ok(()) };
        // A change without an entry must not stay.
        drop(writer);
        let now = self.narrow_again(file, "the log could not be written").map_or(self.to, |now| now);
        Err(Failure::io(format!("cannot write the log: {error}; {} is {now}", self.name())))
    }
}
