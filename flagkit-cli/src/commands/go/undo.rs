//! The undo of a written change.

use std::path::Path;
use std::sync::Arc;

use flagkit_core::Snapshot;
use flagkit_core::tooling::Effect;

use super::PlannedChange;
use crate::command_line::CommandLine;
use crate::edit;
use crate::journal::{Entry, Journal, REVERT, Transition};
use crate::project::{Project, digest};
use crate::report::{Exit, Failure, Result};
use crate::state::State;
use crate::terminal;
use crate::write::{Replaced, Writer};

/// The number of attempts if another process writes at the same time.
const ATTEMPTS: u32 = 5;

impl PlannedChange<'_> {
    /// The command that undoes the change.
    pub(super) fn undo_command(&self) -> String {
        self.args.command_line("revert", (self.from != State::Off).then_some(self.from))
    }

    /// Restores the previous state of the flag, and leaves all other changes of the file unchanged.
    ///
    /// Never widens: if the flag was narrowed further in the meantime, it stays there. Returns the state of the flag.
    pub(super) fn narrow_again(&self, file: &Path, reason: &str) -> Result<State> {
        let mut attempt = 1;
        loop {
            match self.restore(file, reason) {
                Err(failure) if failure.exit == Exit::Conflict && attempt < ATTEMPTS => attempt += 1,
                Err(failure) => {
                    let message = format!("cannot undo the change: {} is still {}", self.name(), self.to);
                    let revert = CommandLine::new(file, self.args.env.as_deref(), &["revert", "--all"]);
                    return Err(Failure::new(failure.exit, message)
                        .with_help(format!("`{revert}` turns off every flag, whatever the file contains"))
                        .with_details([failure.to_string()]));
                }
                done => return done,
            }
        }
    }

    fn restore(&self, file: &Path, reason: &str) -> Result<State> {
        let name = self.name();
        let writer = Writer::try_lock(&self.project.state_document().path);
        let now = Project::read(file, self.args.env.as_deref())?;
        let state = now.state_document();
        let before = now.flags().snapshot();
        let (text, after) = self.restored(&now)?;
        // Programs that loaded the written change keep it while the flag is invalid, so its state is still `self.to`.
        let current = before.flag(name).map_or(self.to, |flag| State::of(Some(flag)));
        let widens =
            before.flag(name).is_some() && before.effects(&after).into_values().any(|effect| effect == Effect::Widens);
        if (current <= self.from && !self.is_reapproval()) || widens {
            return Ok(current);
        }
        if let Replaced::Without(lost) = writer.replace(state.digest().as_deref(), &text)? {
            terminal::print(&format!("{}: {lost}\n", state.path.display()));
        }
        let to = current.min(self.from);
        let transition = Transition { flag: name.to_owned(), from: Some(current), to };
        let entry = Entry::new(REVERT, &state.path, &digest(text.as_bytes()), &transition, Some(reason.to_owned()));
        // The flag is narrowed even without an entry: the log then claims a wider state than the real one.
        if let Err(error) = Journal::append(file, [entry]) {
            terminal::print(&format!("cannot write the log: {error}\n"));
        }
        Ok(to)
    }

    /// Returns the text with the flag as it was, and the resulting flags.
    fn restored(&self, now: &Project) -> Result<(String, Arc<Snapshot>)> {
        let state = now.state_document();
        // Programs refuse the older approvals after the new ones. So a flag that stays on keeps the new ones, which cover
        // its state before too.
        let keeps_approvals = self.is_signed && self.from != State::Off && !self.is_reapproval();
        // If nothing else changed, the exact old text comes back: `on` disappears again if it was not there.
        let text = if state.text == self.text && !keeps_approvals {
            self.project.state_document().text.clone()
        } else if self.is_reapproval() {
            edit::remove_approvals(state.format(), &state.text, self.name())?
        } else {
            return now.with_flag(self.name(), self.from);
        };
        let after = now.with_state(&text)?.flags().snapshot();
        Ok((text, after))
    }

    /// Returns whether the change approves the present state of the flag, and changes nothing else.
    fn is_reapproval(&self) -> bool {
        self.is_signed && self.from == self.to
    }
}
