//! The requirements before the write: the flag, the ramp, the soak, the build, and the checks.

use flagkit_core::{Flag, FlagKey, Percent};
use jiff::{SignedDuration, Timestamp};

use super::{GoArgs, PlannedChange, Preflight, check, unknown_flag};
use crate::command_line::CommandLine;
use crate::difference::Difference;
use crate::gate::{Gate, Gates};
use crate::journal::{Journal, baseline, effective_state};
use crate::probe::{self, CheckResult};
use crate::project::{Document, Project};
use crate::report::{Exit, Failure, Result};
use crate::state::State;
use crate::terminal::{self, DIM, styled};

impl<'a> PlannedChange<'a> {
    /// Plans the change. Fails if the flag has problems, or if the gate does not allow the step now.
    pub(super) fn new(
        project: Project,
        args: &'a GoArgs,
        to: Option<Percent>,
        gate: &Gate,
        journal: &Journal,
    ) -> Result<Self> {
        let name = args.name.as_str();
        let before = project.flags().snapshot();
        let declared = project.declared.load.flags();
        if !declared.contains(name) {
            return Err(unknown_flag(&args.file, name, before.keys().map(FlagKey::as_str)));
        }
        if before.flag(name).or_else(|| declared.get(name)).is_some_and(Flag::is_migration) {
            let advance = CommandLine::new(&args.file, args.env.as_deref(), &["migrate", name, "advance"]);
            let message = format!("cannot widen {name}: it is a migration, which has a stage instead of a switch");
            let help = format!("to take it to the next stage, run `{advance}`");
            return Err(Failure::new(Exit::Conflict, message).with_help(help));
        }
        let problems = check::findings_for(&project, name);
        if !problems.is_empty() {
            let message = format!("cannot widen {name}: the flag has problems");
            return Err(Failure::new(Exit::CheckFailed, message).with_details(problems));
        }
        let flag = before.flag(name);
        let from = State::of(flag);
        let to = to.map_or_else(|| State::At(gate.next(from.percent())), |to| State::from_percent(to, flag));
        if to < from {
            let revert = args.command_line("revert", Some(to));
            return Err(Failure::new(Exit::Conflict, format!("cannot widen {name} to {to}: it is already {from}"))
                .with_help(format!("to narrow it, run `{revert}`")));
        }
        check_allowed(args, gate, [from, to], &project, journal)?;
        let (text, after) = project.with_flag(name, to)?;
        let differences = Difference::between(&before, &after);
        Ok(Self { args, project, from, to, text, differences, is_signed: false })
    }
}

impl Preflight {
    /// Waits for the build, and runs the checks. Fails unless all of them pass.
    pub(in crate::commands) fn run(gates: &Gates, gate: &Gate, name: &str) -> Result<Self> {
        let (release, checks) = (require_build(gate)?, run_checks(gates, gate));
        let preflight = Self { gate: gates.digest(name), release, checks };
        let failed = preflight.checks.iter().filter(|check| !check.passed).map(ToString::to_string);
        let failed: Vec<String> = failed.collect();
        if failed.is_empty() {
            Ok(preflight)
        } else {
            Err(Failure::new(Exit::CheckFailed, "a check failed; nothing was written").with_details(failed))
        }
    }
}

/// Runs each check of the gate once.
pub(super) fn run_checks(gates: &Gates, gate: &Gate) -> Vec<CheckResult> {
    gates.checks(gate).map(|(name, check)| probe::check(name, check)).collect()
}

/// Waits until the running system reports the expected release. Returns the release.
fn require_build(gate: &Gate) -> Result<Option<String>> {
    let Some(build) = &gate.build else { return Ok(None) };
    let expected = probe::expanded(&build.expect)
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot expand gate.build.expect: {error}")))?;
    terminal::print(&format!("{} {expected:?} at {}\n", styled(DIM, "waiting for"), build.url));
    match probe::build(build, &expected) {
        Ok(release) => Ok(Some(release)),
        Err(got) => {
            let message = format!("the build check failed at {}: got {got}", build.url);
            Err(Failure::new(Exit::CheckFailed, message).with_help("deploy the release first; nothing was written"))
        }
    }
}

/// Checks that the ramp has this step, that a step released the state before it, and that it lasted as long as the soak.
fn check_allowed(
    args: &GoArgs,
    gate: &Gate,
    [from, to]: [State; 2],
    project: &Project,
    journal: &Journal,
) -> Result<()> {
    if to == from {
        return Ok(());
    }
    if !gate.allows([from, to]) {
        let next = args.command_line("go", Some(State::At(gate.next(from.percent()))));
        let steps: Vec<String> = gate.ramp.iter().map(|step| step.0.to_string()).collect();
        let message = format!("cannot go from {from} to {to}: the steps of the ramp are {}", steps.join(", "));
        return Err(Failure::new(Exit::Conflict, message).with_help(format!("the next step is `{next}`")));
    }
    // No step precedes the first one.
    if !gate.has_steps() || from == State::Off {
        return Ok(());
    }
    // An environment without a state of its own starts from the state below, so a step there counts here too.
    let mut files = Vec::new();
    for document in project.documents().rev() {
        files.push(document.name());
        if document.load.flags().contains(&args.name) {
            break;
        }
    }
    check_log(args, journal)?;
    check_start(args, from, project, journal)?;
    check_soak(args, gate.soak(), to, journal, &files)
}

/// Checks that the log is complete and unedited.
fn check_log(args: &GoArgs, journal: &Journal) -> Result<()> {
    let verify = CommandLine::new(&args.file, None, &["log", "--verify"]);
    let failed = |message: String| {
        let help = format!("run `{verify}` to list the errors, and find their cause before you go on");
        Err(Failure::new(Exit::CheckFailed, message).with_help(help))
    };
    if !journal.errors.is_empty() {
        return failed("cannot verify the last step: the log has errors".to_owned());
    }
    match journal.removed_entries(&args.file)?.len() {
        0 => Ok(()),
        1 => failed("cannot verify the last step: an entry was removed from the log".to_owned()),
        removed => failed(format!("cannot verify the last step: {removed} entries were removed from the log")),
    }
}

/// Checks that a step, and not an edit by hand, released the state from which this step starts.
fn check_start(args: &GoArgs, from: State, project: &Project, journal: &Journal) -> Result<()> {
    let name = args.name.as_str();
    let files: Vec<String> = project.documents().map(Document::name).collect();
    let (_, released) = journal.steps(name, &files);
    let released = released.unwrap_or_else(|| effective_state(&baseline(&project.declared.path, &[]), name, &files));
    if from <= released {
        return Ok(());
    }
    let back = args.command_line("revert", (released != State::Off).then_some(released));
    let message = format!("cannot go on from {from}: no step released it, and the last released state is {released}");
    Err(Failure::new(Exit::Conflict, message).with_help(format!("go back with `{back}`, and then take the next step")))
}

/// Checks that the step before this one has lasted as long as the soak.
fn check_soak(args: &GoArgs, soak: SignedDuration, to: State, journal: &Journal, files: &[String]) -> Result<()> {
    let Some(last) = journal.last_go(&args.name, files) else { return Ok(()) };
    let age = Timestamp::now().duration_since(last.when);
    if age >= soak {
        return Ok(());
    }
    let left = SignedDuration::from_secs((soak - age).as_secs().max(1));
    let age = SignedDuration::from_secs(age.as_secs());
    let message = format!("cannot go to {to} yet: the last step was {age:#} ago, and must last {soak:#}");
    let help = format!("try again in {left:#}; the rollout does not advance on its own");
    Err(Failure::new(Exit::Conflict, message).with_help(help))
}
