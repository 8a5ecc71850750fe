//! A step forward that the files and the log allow: its evidence, the confirmation, the write, and the review.
//!
//! ```text
//! build? ─▶ checks? ─▶ evidence? ─▶ a person types the name ─▶ write ─▶ every instance there? ─▶ checks? ─▶ review
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::go::{Approval, Collected, GoOutcome, Planned, Preflight, Release, lock_exclusive, review};
use super::migration::Migration;
use super::observe::{self, Waited};
use crate::command_line::CommandLine;
use crate::edit;
use crate::evidence::{EXPAND_SQL, Evidence, Sources, Step, are_at, required};
use crate::gate::OnFailure;
use crate::history::Observation;
use crate::instances::Instance;
use crate::intent::replace_and_log;
use crate::interrupts::Interrupts;
use crate::journal::{BACK, Entry, Journal};
use crate::probe::CheckResult;
use crate::progress::Progress;
use crate::project::{Definitions, Document, Project, digest};
use crate::report::{Detail, Exit, Failure, Report, Result};
use crate::request::Request;
use crate::terminal::{self, DIM, GOOD, styled};
use crate::write::{Replaced, Writer, changed};

/// The number of attempts to undo if another process writes at the same time.
const ATTEMPTS: u32 = 5;

/// The arguments of a step forward.
pub(super) struct StepArgs {
    /// The verb of its entry in the log.
    pub(super) verb: &'static str,
    pub(super) reason: Option<String>,
    /// The key with which the person signs. `None`: that of the environment, or of git.
    pub(super) key: Option<PathBuf>,
    pub(super) mode: Mode,
}

/// How far a step forward goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// People approve the step, and it is written.
    Step,
    /// The step is requested, and people approve it later.
    Request,
    /// The step is only shown.
    DryRun,
}

impl Mode {
    pub(super) fn of(dry_run: bool) -> Self {
        if dry_run { Self::DryRun } else { Self::Step }
    }
}

/// A step forward that is not written yet.
pub(super) struct PlannedStep<'t, 'a> {
    pub(super) migration: Migration<'t>,
    pub(super) step: Step,
    /// The new text of the document that states the stage.
    text: String,
    args: &'a StepArgs,
    /// Whether the new text has approvals. The older text has older ones, which programs refuse from then on.
    is_signed: bool,
}

impl<'t, 'a> PlannedStep<'t, 'a> {
    /// Takes a step, from its checks to the review after it.
    pub(super) fn run(migration: Migration<'t>, step: Step, args: &'a StepArgs) -> Result {
        let text = new_text(&migration, step.to)?;
        let mut planned = Self { migration, step, text, args, is_signed: false };
        let file = planned.migration.target.file.clone();
        let is_dry_run = args.mode == Mode::DryRun;
        let _lock = if is_dry_run { None } else { Some(lock_exclusive(&file)?) };
        let preflight = Preflight::run(&planned.migration.gates, &planned.migration.gate, planned.name())?;
        let instances = observe::instances(&planned.migration.gate, planned.name());
        if !is_dry_run {
            planned.migration.record_observed(&instances)?;
        }
        let evidence = evidence(&planned.migration, step, &instances)?;
        let mut data = planned.data(&preflight, &evidence, &instances);
        require(step, &evidence)?;
        if args.mode == Mode::Request {
            return planned.release()?.request();
        }
        let release = planned.release()?.resume()?;
        let summary = planned.summary(&preflight, &evidence);
        if is_dry_run {
            return Ok(Report::new(summary + "nothing was written\n", data));
        }
        // A person without a valid key is rejected before the prompt.
        let person = if terminal::is_interactive() { release.person(args.key.as_deref())? } else { None };
        planned.confirm(&(summary + &release.introduction(person.as_ref())))?;
        let approval = match release.approve(person.as_ref(), &preflight)? {
            Collected::Waiting(report) => return Ok(report),
            Collected::Complete(approval) => approval,
        };
        planned.text.clone_from(&approval.text);
        planned.is_signed = approval.is_signed();
        let interrupts = Interrupts::watch()?;
        let observation = observe::observation(&planned.migration.gate, &instances);
        planned.write(&preflight, observation, &approval)?;
        data["written"] = true.into();
        let observed = planned.observe(&interrupts)?;
        data["observed"] = observed.is_none().into();
        planned.verify(&interrupts)?;
        data["undo"] = planned.undo_command().into();
        let (name, from, to) = (planned.name(), step.from, step.to);
        let mut text = format!("{name} is now at {} (was {from})\n", styled(GOOD, to));
        text += observed.as_deref().unwrap_or_default();
        if let Some(undo) = planned.undo_command() {
            let _ = writeln!(text, "to undo: {undo}");
        }
        Ok(Report::new(text, data))
    }

    pub(super) fn name(&self) -> &'t str {
        self.migration.name()
    }

    /// The command that undoes the step. `None`: there is no way back.
    pub(super) fn undo_command(&self) -> Option<String> {
        let is_reversible = self.step.to.stage.is_reversible();
        is_reversible.then(|| self.migration.target.command_line(&["back"]))
    }

    /// The approvals that the step has, and those that it needs.
    fn release(&self) -> Result<Release<'_>> {
        let Migration { target, project, gates, gate, journal, .. } = &self.migration;
        Release::new(Planned {
            file: &target.file,
            env: target.env.as_deref(),
            name: &target.name,
            project,
            text: &self.text,
            gates,
            gate,
            journal,
            reason: self.args.reason.as_deref(),
            command: self.command(),
        })
    }

    fn data(&self, preflight: &Preflight, evidence: &[Evidence], instances: &[Instance]) -> Value {
        json!({
            "flag": self.name(), "from": self.step.from.to_string(), "to": self.step.to.to_string(),
            "checks": preflight.checks, "release": preflight.release, "evidence": evidence, "instances": instances,
            "written": false,
        })
    }

    /// Writes the new stage and its entry, if the files are unchanged.
    fn write(&self, preflight: &Preflight, observation: Observation, approval: &Approval) -> Result<()> {
        let (name, file, Step { from, to }) = (self.name(), &self.migration.target.file, self.step);
        let document = self.migration.document();
        let writer = Writer::new(&document.path)?;
        Journal::can_be_added_to(file)?;
        // The person approved exact contents, which include the declaration.
        for below in self.migration.project.below_state() {
            if Document::read(&below.path)?.digest() != below.digest() {
                return Err(changed(&below.path));
            }
        }
        let env = self.migration.target.env.as_deref();
        approval.ensure_pending(file, env, name)?;
        let mut entries = Vec::new();
        let logged = self.migration.logged();
        let before = document.digest();
        if logged != from {
            let digest = before.as_deref().unwrap_or_default();
            let back = Entry::of_migration(BACK, &document.path, digest, name, Some(logged), from);
            entries.push(back.because(Some("the file was there without an entry".to_owned())));
        }
        let digest = digest(self.text.as_bytes());
        let mut entry = Entry::of_migration(self.args.verb, &document.path, &digest, name, Some(from), to);
        entry.definition = Some(Definitions::of(&self.migration.project).digest(name));
        entry.gate = Some(preflight.gate.clone());
        entry.checks.clone_from(&preflight.checks);
        entry.release.clone_from(&preflight.release);
        entry.observed = Some(observation);
        approval.record(&mut entry);
        entries.push(entry.because(self.args.reason.clone()));
        let texts = [before.as_deref(), Some(self.text.as_str())];
        let written = replace_and_log(file, &document.path, &writer, texts, entries, true)?;
        // A request that stays counts as none, because its release is done.
        let _ = Request::remove(file, env, name);
        written.logged.map_err(|error| {
            let message = format!("{name} is at {to}, but cannot write the log: {error}");
            Failure::io(message).with_help("the next run of `flagkit` writes the entry")
        })
    }

    /// Waits until every instance has the new stage, and records that. Returns a note if it is not recorded.
    fn observe(&self, interrupts: &Interrupts) -> Result<Option<String>> {
        let (gate, to) = (&self.migration.gate, self.step.to);
        let instances = match &gate.instances {
            Some(urls) if urls.is_empty() => Vec::new(),
            _ => {
                terminal::print(&format!("{} every instance to reach {to}\n", styled(DIM, "waiting for")));
                match observe::wait(interrupts, gate, self.name(), to) {
                    Waited::Reached(instances) => instances,
                    Waited::Missing(instances) => return Ok(Some(self.not_observed(&instances))),
                    Waited::Interrupted => return Ok(Some(self.not_observed(&[]))),
                }
            }
        };
        let recorded = observe::record(&self.migration, to, observe::observation(gate, &instances))?;
        Ok((!recorded).then(|| self.not_observed(&instances)))
    }

    fn not_observed(&self, instances: &[Instance]) -> String {
        let there = instances.iter().filter(|instance| are_at(std::slice::from_ref(*instance), self.step.to)).count();
        let count = match instances.len() {
            0 => String::new(),
            all => format!(": {there} of {all}"),
        };
        let status = self.migration.target.command_line(&["status"]);
        format!("not every instance was seen at {} yet{count}; `{status}` records it later\n", self.step.to)
    }

    /// Runs the checks again, and asks for the review. Undoes the step unless both succeed.
    fn verify(&self, interrupts: &Interrupts) -> Result<()> {
        let name = self.name();
        let now = format!("{name} is now at {}", self.step.to);
        match review(interrupts, &self.migration.gates, &self.migration.gate, &now) {
            GoOutcome::Kept => self.ensure_unchanged(),
            GoOutcome::CheckFailed(failed) => Err(self.after_failure(&failed)),
            GoOutcome::Declined => {
                let now = self.undo("declined at the review")?;
                Err(Failure::new(Exit::NeedsConfirmation, format!("the step was not confirmed: {now}")))
            }
            GoOutcome::Interrupted => {
                let now = self.undo("interrupted during the review")?;
                Err(Failure::new(Exit::NeedsConfirmation, format!("interrupted: {now}")))
            }
        }
    }

    fn after_failure(&self, failed: &[CheckResult]) -> Failure {
        let message = "a check failed after the step";
        let failure = match self.migration.gate.on_failure {
            OnFailure::Report => {
                let message = format!("{message}: {} is still at {}", self.name(), self.step.to);
                let failure = Failure::new(Exit::CheckFailed, message);
                self.undo_command()
                    .into_iter()
                    .fold(failure, |failure, undo| failure.with_help(format!("to undo: {undo}")))
            }
            OnFailure::Revert => match self.undo(message) {
                Ok(now) => Failure::new(Exit::CheckFailed, format!("{message}: {now}")),
                Err(failure) => failure,
            },
        };
        failure.with_details(failed.iter().map(ToString::to_string))
    }

    /// Goes back to where the step started, if there is a way back. Returns where the migration is.
    fn undo(&self, reason: &str) -> Result<String> {
        let (name, to) = (self.name(), self.step.to);
        if !to.stage.is_reversible() {
            return Ok(format!("{name} is still at {to}, from which there is no way back"));
        }
        let mut attempt = 1;
        loop {
            match self.restore(reason) {
                Ok(now) if now == self.step.from => return Ok(format!("{name} is at {now} again")),
                Ok(now) => return Ok(format!("{name} is at {now}")),
                Err(failure) if failure.exit == Exit::Conflict && attempt < ATTEMPTS => attempt += 1,
                Err(failure) => {
                    let message = format!("cannot undo the step: {name} is still at {to}");
                    let back = self.migration.target.command_line(&["back"]);
                    return Err(Failure::new(failure.exit, message)
                        .with_help(format!("run `{back}`"))
                        .with_details([failure.to_string()]));
                }
            }
        }
    }

    fn restore(&self, reason: &str) -> Result<Progress> {
        let (name, Step { from, to }) = (self.name(), self.step);
        let target = self.migration.target;
        let path = &self.migration.document().path;
        let writer = Writer::try_lock(path);
        let project = Project::read(&target.file, target.env.as_deref())?;
        let document = project.state_document();
        match Progress::of(project.flags().snapshot().flag(name)) {
            // Another step was taken in the meantime.
            Some(now) if now != to => return Ok(now),
            _ => {}
        }
        // If nothing else changed, the exact old text comes back. Programs refuse the older approvals in it after the new
        // ones, which cover the stage before too.
        let text = if document.text == self.text && !self.is_signed {
            self.migration.document().text.clone()
        } else {
            edit::set_stage(document.format(), &document.text, name, from)?
        };
        let entry = Entry::of_migration(BACK, path, &digest(text.as_bytes()), name, Some(to), from);
        let texts = [document.digest(), Some(text)];
        let texts = texts.each_ref().map(Option::as_deref);
        let entries = vec![entry.because(Some(reason.to_owned()))];
        let written = replace_and_log(&target.file, path, &writer, texts, entries, false)?;
        if let Replaced::Without(lost) = written.replaced {
            terminal::print(&format!("{}: {lost}\n", path.display()));
        }
        if let Err(error) = written.logged {
            terminal::print(&format!("cannot write the log: {error}\n"));
        }
        Ok(from)
    }

    /// Checks that the files are still the ones that the person approved.
    fn ensure_unchanged(&self) -> Result<()> {
        let target = self.migration.target;
        let (name, to) = (self.name(), self.step.to);
        let now = Project::read(&target.file, target.env.as_deref())?;
        match Progress::of(now.flags().snapshot().flag(name)) {
            Some(progress) if progress == to => Ok(()),
            progress => {
                let got = progress.map_or_else(|| "no stage".to_owned(), |progress| progress.to_string());
                let message = format!("{name} changed during the step: got {got}, expected {to}");
                let log = CommandLine::new(&target.file, None, &["log", name]);
                Err(Failure::new(Exit::Conflict, message).with_help(format!("run `{log}` to find out who changed it")))
            }
        }
    }
}

/// Returns the evidence that a step requires.
pub(super) fn evidence(migration: &Migration<'_>, step: Step, instances: &[Instance]) -> Result<Vec<Evidence>> {
    let target = migration.target;
    let words = ["backfill-done", "--started", "TIME", "--rows", "N", "--mismatches", "0"];
    let sources = Sources {
        file: &target.file,
        name: &target.name,
        gate_name: migration.gates.of(&target.name).map(|(name, _)| name),
        gate: &migration.gate,
        history: &migration.history(),
        instances,
        allowed_without_sql: migration.gates.allowed(&target.name, EXPAND_SQL),
        backfill_done: target.command_line(&words),
        expand_done: target.command_line(&["expand-done"]),
    };
    required(step, &sources)
}

/// Fails unless all of the evidence is there.
fn require(step: Step, evidence: &[Evidence]) -> Result<()> {
    let missing: Vec<Detail> = evidence.iter().filter(|evidence| !evidence.met).map(detail).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("cannot advance to {}: evidence is missing; nothing was written", step.to);
    Err(Failure::new(Exit::CheckFailed, message).with_details(missing))
}

fn detail(evidence: &Evidence) -> Detail {
    let detail = Detail::new(format!("{}: {}", evidence.what, evidence.got.join("; ")));
    evidence.help.iter().fold(detail, |detail, help| detail.with_help(help.clone()))
}

/// Returns the text of the state document with the migration at a progress. Fails if that changes anything else.
pub(super) fn new_text(migration: &Migration<'_>, to: Progress) -> Result<String> {
    let (name, document) = (migration.name(), migration.document());
    let text = edit::set_stage(document.format(), &document.text, name, to)?;
    check_effect(&migration.project, name, &text, to, &document.path)?;
    Ok(text)
}

/// Checks that a new text of the state document changes the progress of the migration, and nothing else.
pub(super) fn check_effect(project: &Project, name: &str, text: &str, to: Progress, path: &Path) -> Result<()> {
    let (before, after) = (project.flags().snapshot(), project.with_state(text)?.flags());
    let (problems, after) = (after.problems.iter().map(|(_, problem)| problem.to_string()), after.snapshot());
    if Progress::of(after.flag(name)) != Some(to) {
        let message = format!("cannot bring {name} to {to} by an edit of {}", path.display());
        return Err(Failure::new(Exit::Conflict, message).with_details(problems.collect::<Vec<_>>()));
    }
    let mut others = before.keys().chain(after.keys()).filter(|key| key.as_str() != name);
    match others.find(|key| before.flag(key.as_str()) != after.flag(key.as_str())) {
        None => Ok(()),
        Some(other) => Err(Failure::new(Exit::Conflict, format!("{name} cannot be changed without {other}"))
            .with_help(format!("write `[flags.{name}]` with lines of its own into {}", path.display()))),
    }
}
