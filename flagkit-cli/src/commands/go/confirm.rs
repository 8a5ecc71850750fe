//! The summary of the change, and the confirmation by a person.

use std::fmt::Write as _;

use flagkit_core::tooling::Effect;
use flagkit_core::{Flag, Percent};

use super::{PlannedChange, Preflight, indented};
use crate::gate::{Gate, OnFailure};
use crate::probe::CheckResult;
use crate::report::{Exit, Failure, Result};
use crate::state::{State, has_rules, rule_audience, unconditional_rule};
use crate::terminal::{self, BAD, BOLD, GOOD, Table, effect, styled};

impl PlannedChange<'_> {
    /// The change, its audience, the results of the checks, and the way to undo it.
    pub(super) fn summary(&self, gate: &Gate, preflight: &Preflight) -> String {
        let mut text = String::new();
        let state = self.project.state_document().path.display();
        let _ =
            writeln!(text, "{}  {} -> {}  in {state}\n", styled(BOLD, self.name()), self.from, styled(BOLD, self.to));
        let mut table = Table::new(["", "flag", "before", "after"]);
        for difference in &self.differences {
            let key = difference.key.to_string();
            table.push([effect(difference.effect), key, difference.before.clone(), difference.shown_after()]);
        }
        text += &indented(&table.render());
        let _ = writeln!(text, "\n{}", self.audience());
        if let Some(release) = &preflight.release {
            let _ = writeln!(text, "The running build is {release}.");
        }
        text += &checks_table(&preflight.checks);
        let on_failure = on_failure(gate, preflight);
        let undo = self.undo_command();
        let _ = writeln!(text, "\n{on_failure}`{undo}` undoes the change at once, without a gate.\n");
        text
    }

    /// Who will see the flag, and who sees it now.
    fn audience(&self) -> String {
        let before = self.project.flags().snapshot();
        let flag = before.flag(self.name());
        let has_rules = has_rules(flag);
        let scope = self.args.env.as_ref().map_or(String::new(), |env| format!(" in {env}"));
        let (everyone, all) = if has_rules {
            (format!("Everyone{scope} who matches no rule"), format!("the subjects{scope} that match no rule"))
        } else {
            (format!("Everyone{scope}"), format!("all subjects{scope}"))
        };
        if self.from == self.to {
            return format!(
                "Its state does not change. The approvals are for its present definition.{}",
                self.prerequisites()
            );
        }
        let mut text = match (self.from, self.to) {
            (_, State::At(Percent::ZERO)) => sentence(&rule_audience(flag, ["will see it", "will see it"])) + "\n",
            _ if unconditional_rule(flag).is_some() => {
                let by_rules = sentence(&rule_audience(flag, ["will see it", "will see it"]));
                format!("{by_rules}\nThe rollout of the flag applies to no one.\n")
            }
            (_, State::ON) => format!("{everyone} will see it.\n"),
            (State::At(from), State::At(to)) if from != Percent::ZERO => {
                format!("{to} of {all} will see it, up from {from}.\n")
            }
            (_, to) => format!("{to} of {all} will see it, always the same ones.\n"),
        };
        let has_other_subjects = has_rules && unconditional_rule(flag).is_none();
        if has_other_subjects && self.from == State::Off && self.to != State::At(Percent::ZERO) {
            text += "Subjects that a rule includes will see it too.\n";
        }
        let now = match (self.from, self.to) {
            (State::At(percent), _) if has_rules && (percent == Percent::ZERO || !has_other_subjects) => {
                sentence(&rule_audience(flag, ["sees it now", "see it now"]))
            }
            (State::Off | State::At(Percent::ZERO), _) => "No one sees it now.".to_owned(),
            (from, State::ON) => format!("{from} see it now."),
            _ => "Everyone who sees it now keeps it.".to_owned(),
        };
        text += &now;
        text += &self.prerequisites();
        let wider = self.differences.iter().filter(|difference| difference.effect == Effect::Widens);
        match wider.filter(|difference| difference.key.as_str() != self.name()).count() {
            0 => {}
            1 => text += "\n1 flag that requires it will reach more subjects too.",
            others => {
                let _ = write!(text, "\n{others} flags that require it will reach more subjects too.");
            }
        }
        text
    }

    /// How the flags that this one requires limit its audience.
    fn prerequisites(&self) -> String {
        let before = self.project.flags().snapshot();
        let mut text = String::new();
        for required in before.flag(self.name()).map(Flag::prerequisites).unwrap_or_default() {
            let required = required.name();
            let limit = match State::of(before.flag(required)) {
                State::Off => {
                    format!("\nIt requires {required}, which is off: no one will see it until {required} is on.")
                }
                State::ON if !has_conditions(before.flag(required)) => String::new(),
                State::At(_) => {
                    format!("\nIt requires {required}, so only users who have {required} on will see it.")
                }
            };
            text += &limit;
        }
        text
    }

    /// Asks a person to type the name of the flag. No option of the command replaces this.
    pub(super) fn confirm(&self, summary: &str) -> Result<()> {
        if !terminal::is_interactive() {
            let command = self.args.command_line("go", Some(self.to));
            return Err(Failure::new(Exit::NeedsConfirmation, "widening requires the confirmation of a person")
                .with_help(format!("run this at a terminal: {command}")));
        }
        terminal::print(summary);
        let name = self.name();
        let message = match terminal::prompt(&format!("Type {} to let it be seen: ", styled(BOLD, name))) {
            Some(typed) if typed == name => return Ok(()),
            Some(typed) => format!("not confirmed: got {typed:?}, expected {name:?}; nothing was written"),
            None => "not confirmed: the input ended; nothing was written".to_owned(),
        };
        Err(Failure::new(Exit::NeedsConfirmation, message))
    }
}

/// The results of the checks, in a table after an empty line. Empty without checks.
pub(in crate::commands) fn checks_table(checks: &[CheckResult]) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["check", "", "got", "ms"]);
    for CheckResult { name, passed, got, millis } in checks {
        let verdict = if *passed { styled(GOOD, "pass") } else { styled(BAD, "fail") };
        table.push([name.clone(), verdict, got.clone(), millis.to_string()]);
    }
    format!("\n{}", indented(&table.render()))
}

/// What happens if a check fails after the change. Empty without checks.
pub(in crate::commands) fn on_failure(gate: &Gate, preflight: &Preflight) -> &'static str {
    match (preflight.checks.is_empty(), gate.on_failure) {
        (true, _) => "",
        (false, OnFailure::Revert) => "The checks run again after the change. If one fails, the change is undone.\n",
        (false, OnFailure::Report) => {
            "The checks run again after the change. If one fails, it is reported, and the change stays.\n"
        }
    }
}

/// Returns a text with a capital and a full stop.
fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest + "."
}

/// Whether rules or prerequisites, and not only its state, decide who sees a flag.
fn has_conditions(flag: Option<&Flag>) -> bool {
    has_rules(flag) || flag.is_some_and(|flag| !flag.prerequisites().is_empty())
}
