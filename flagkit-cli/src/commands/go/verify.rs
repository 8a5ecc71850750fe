//! The checks and the review after the write.

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::preflight::run_checks;
use super::{GoOutcome, PlannedChange};
use crate::command_line::CommandLine;
use crate::gate::{Gate, Gates, OnFailure};
use crate::interrupts::Interrupts;
use crate::probe::CheckResult;
use crate::project::{Document, Project};
use crate::report::{Exit, Failure, Result};
use crate::state::State;
use crate::terminal::{self, DIM, styled};

/// The time for the running system to load the change before the checks run again.
const VERIFY_DELAY: Duration = Duration::from_secs(1);

/// Runs the checks again, and asks a person to review the running system.
///
/// `now` is the headline of the review, such as `x is now on`.
pub(in crate::commands) fn review(interrupts: &Interrupts, gates: &Gates, gate: &Gate, now: &str) -> GoOutcome {
    if !gate.checks.is_empty() {
        terminal::print(&format!("{} the checks again\n", styled(DIM, "running")));
        let (gates, gate) = (gates.clone(), gate.clone());
        let results = interrupts.run_interruptible(move || {
            thread::sleep(VERIFY_DELAY);
            run_checks(&gates, &gate)
        });
        let Some(results) = results else { return GoOutcome::Interrupted };
        let failed: Vec<CheckResult> = results.into_iter().filter(|result| !result.passed).collect();
        if !failed.is_empty() {
            return GoOutcome::CheckFailed(failed);
        }
    }
    if gate.look.is_empty() {
        return GoOutcome::Kept;
    }
    let pages: String = gate.look.iter().map(|page| "  ".to_owned() + page + "\n").collect();
    terminal::print(&format!("\n{now}. Review it here:\n{pages}"));
    let question = "Type yes to keep it: ";
    // Input from before the review does not confirm it.
    terminal::discard_input();
    match interrupts.run_interruptible(move || terminal::prompt(question)) {
        Some(Some(typed)) if typed == "yes" => GoOutcome::Kept,
        Some(_) => GoOutcome::Declined,
        None => {
            terminal::print("\n");
            GoOutcome::Interrupted
        }
    }
}

impl PlannedChange<'_> {
    /// Checks that the files are still the ones that the person approved.
    pub(super) fn ensure_unchanged(&self, file: &Path) -> Result<()> {
        let (name, path) = (self.name(), self.project.state_document().path.display());
        let now = Project::read(file, self.args.env.as_deref()).map_err(|failure| {
            let message = format!("{name} is still {}, but {path} changed and cannot be read", self.to);
            Failure::new(failure.exit, message).with_details([failure.to_string()])
        })?;
        let state = State::of(now.flags().snapshot().flag(name));
        if state != self.to {
            let message = format!("{name} changed during the review: got {state}, expected {}", self.to);
            let log = CommandLine::new(file, None, &["log", name]);
            let help = format!("run `{log}` to find out who changed it");
            return Err(Failure::new(Exit::Conflict, message).with_help(help));
        }
        let is_same = now.state_document().text == self.text
            && now.below_state().map(Document::digest).eq(self.project.below_state().map(Document::digest));
        if !is_same {
            let message = format!("{name} is {state}, but its file changed in other ways during the review");
            let help = format!("review it again; to undo: {}", self.undo_command());
            return Err(Failure::new(Exit::Conflict, message).with_help(help));
        }
        Ok(())
    }

    /// Undoes the change after a failed check, unless the gate asks only for a report.
    pub(super) fn after_failure(&self, file: &Path, gate: &Gate, failed: &[CheckResult], undo: &str) -> Failure {
        let name = self.name();
        let failure = match gate.on_failure {
            OnFailure::Report => {
                let message = format!("a check failed after the change: {name} is still {}", self.to);
                Failure::new(Exit::CheckFailed, message).with_help(format!("to undo: {undo}"))
            }
            OnFailure::Revert => match self.narrow_again(file, "a check failed after the change") {
                Ok(now) => {
                    let message = format!("a check failed after the change: {name} is {now} again");
                    Failure::new(Exit::CheckFailed, message)
                }
                Err(failure) => failure,
            },
        };
        failure.with_details(failed.iter().map(ToString::to_string))
    }
}
