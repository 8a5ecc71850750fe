//! The summary of a step forward, and its confirmation by a person.

use std::fmt::Write as _;

use flagkit_core::source::Stage;

use super::go::{Preflight, checks_table, on_failure};
use super::indented;
use super::step::PlannedStep;
use crate::evidence::Evidence;
use crate::migrations::expansions;
use crate::report::{Exit, Failure, Result};
use crate::terminal::{self, BAD, BOLD, GOOD, Table, WARN, styled};

impl PlannedStep<'_, '_> {
    /// The step, what it changes, its evidence, the results of the checks, and the way to undo it.
    pub(super) fn summary(&self, preflight: &Preflight, evidence: &[Evidence]) -> String {
        let (from, to) = (self.step.from, self.step.to);
        let path = self.migration.document().path.display();
        let mut text = format!("{}  {from} -> {}  in {path}\n\n", styled(BOLD, self.name()), styled(BOLD, to));
        text += &indented(&evidence_table(evidence));
        let _ = writeln!(text, "\n{}", effect(to.stage));
        if !to.is_whole() {
            let by = self.migration.partition().unwrap_or_default();
            let _ = writeln!(text, "This applies to {} of the partitions by {by}.", to.share);
        }
        if let Some(release) = &preflight.release {
            let _ = writeln!(text, "The running build is {release}.");
        }
        if from.stage == Stage::Off {
            text += &self.expansions();
        }
        text += &checks_table(&preflight.checks);
        text.push('\n');
        if let Some(undo) = self.undo_command() {
            text += on_failure(&self.migration.gate, preflight);
            let _ = writeln!(text, "`{undo}` goes back one stage at once, without a gate.");
        } else {
            let why = if to.stage == Stage::Contracted { NO_OLD_DATA } else { NO_WAY_BACK };
            let _ = writeln!(text, "{} {why}", styled(WARN, "This is the point of no return."));
        }
        text.push('\n');
        text
    }

    /// The SQL that was applied before the first step. Empty if no SQL file has the marker of the migration.
    fn expansions(&self) -> String {
        // A file that cannot be read is a finding of `check`.
        let found = expansions(&self.migration.target.file, self.name()).unwrap_or_default();
        let lines = found.iter().fold(String::new(), |lines, sql| lines + &format!("  {sql}\n"));
        if lines.is_empty() { lines } else { format!("The new side needs this SQL, which was applied:\n{lines}") }
    }

    /// The command with which a person takes the step.
    pub(super) fn command(&self) -> String {
        let to = self.step.to;
        let share = to.share.to_string();
        let partitions: &[&str] = if to.is_whole() { &[] } else { &["--partitions", share.trim_end_matches('%')] };
        let words = match to.stage {
            Stage::Contracted => vec!["contract"],
            stage => [&["advance", "--to", stage.as_str()], partitions].concat(),
        };
        self.migration.target.command_line(&words)
    }

    /// Asks a person to type the name of the migration. No option of the command replaces this.
    pub(super) fn confirm(&self, summary: &str) -> Result<()> {
        let (name, to) = (self.name(), self.step.to);
        if !terminal::is_interactive() {
            let command = self.command();
            let message = format!("advancing {name} to {to} requires the confirmation of a person");
            return Err(
                Failure::new(Exit::NeedsConfirmation, message).with_help(format!("run this at a terminal: {command}"))
            );
        }
        terminal::print(summary);
        let question = if to.stage.is_reversible() {
            format!("Type {} to advance it to {to}: ", styled(BOLD, name))
        } else {
            format!("Type {} to advance it to {to}, with no way back: ", styled(BOLD, name))
        };
        let message = match terminal::prompt(&question) {
            Some(typed) if typed == name => return Ok(()),
            Some(typed) => format!("not confirmed: got {typed:?}, expected {name:?}; nothing was written"),
            None => "not confirmed: the input ended; nothing was written".to_owned(),
        };
        Err(Failure::new(Exit::NeedsConfirmation, message))
    }
}

const NO_WAY_BACK: &str = "The old side is not written any more, so `back` and `revert` would read stale data.";

const NO_OLD_DATA: &str =
    "No running build uses the old side, and its data may be dropped: `-- flagkit: contract NAME`.";

/// What a stage does to reads and writes.
fn effect(stage: Stage) -> &'static str {
    match stage {
        Stage::Off => "Only the old side is read and written.",
        Stage::DualWrite => "The old side is read. Both sides are written, the old one first.",
        Stage::Shadow => {
            "The old side is read, and compared with the new one. Both sides are written, the old one first."
        }
        Stage::Live => {
            "The new side is read, and compared with the old one. Both sides are written, the new one first."
        }
        Stage::RampDown => "The new side is read. Both sides are written, the new one first.",
        Stage::Complete => "Only the new side is read and written. The old data is stale from now on.",
        Stage::Contracted => "Only the new side is left. The old data may be dropped from now on.",
    }
}

/// The evidence in a table, and then what to do about missing evidence.
pub(super) fn evidence_table(evidence: &[Evidence]) -> String {
    let mut table = Table::new(["evidence", "", "got"]);
    for evidence in evidence {
        let verdict = if evidence.met { styled(GOOD, "met") } else { styled(BAD, "missing") };
        let mut got = evidence.got.iter();
        table.push([evidence.what.clone(), verdict, got.next().cloned().unwrap_or_default()]);
        for more in got {
            table.push([String::new(), String::new(), more.clone()]);
        }
    }
    let mut text = table.render();
    for help in evidence.iter().filter_map(|evidence| evidence.help.as_ref()) {
        let _ = writeln!(text, "help: {help}");
    }
    text
}
