//! `migrate NAME advance`: one stage forward, or a larger share of the partitions at a stage.

use std::path::PathBuf;

use flagkit_core::Percent;
use flagkit_core::source::Stage;
use jiff::{SignedDuration, Timestamp};

use super::migration::{Migration, Target};
use super::step::{Mode, PlannedStep, StepArgs};
use crate::command_line::CommandLine;
use crate::evidence::Step;
use crate::journal::ADVANCE;
use crate::progress::Progress;
use crate::report::{Exit, Failure, Result};

/// The arguments of `advance`.
pub(super) struct AdvanceArgs {
    /// The stage to reach, for a person who wants to be sure. `None`: the next one.
    pub(super) to: Option<Stage>,
    /// The share of the partitions. `None`: the next step of the gate's ramp, or all.
    pub(super) partitions: Option<Percent>,
    pub(super) reason: Option<String>,
    /// The key with which the person signs. `None`: that of the environment, or of git.
    pub(super) key: Option<PathBuf>,
    pub(super) mode: Mode,
}

pub(super) fn run(target: &Target, args: &AdvanceArgs) -> Result {
    let migration = Migration::read(target)?;
    let step = next(&migration, args)?;
    migration.check_layer()?;
    check_log(&migration)?;
    check_soak(&migration, step.to)?;
    let args = StepArgs { verb: ADVANCE, reason: args.reason.clone(), key: args.key.clone(), mode: args.mode };
    PlannedStep::run(migration, step, &args)
}

/// Returns the step that the arguments name. Fails unless it is the next one.
fn next(migration: &Migration<'_>, args: &AdvanceArgs) -> Result<Step> {
    let (name, now) = (migration.name(), migration.now);
    let step = default_step(migration, args.partitions)?;
    let goal = args.to.unwrap_or(step.to.stage);
    if goal == step.to.stage {
        return Ok(step);
    }
    let message = format!("cannot advance {name} from {now} to {goal}");
    let failure = |why: &str| Failure::new(Exit::Conflict, format!("{message}: {why}"));
    let advance = migration.target.command_line(&["advance"]);
    Err(match goal {
        _ if goal == now.stage => failure(&format!("it is already at {now}")),
        _ if goal < now.stage && now.stage.is_reversible() => {
            let back = migration.target.command_line(&["back"]);
            failure("that is a step back").with_help(format!("run `{back}`"))
        }
        _ if goal < now.stage => failure("there is no way back from here"),
        _ => failure("one stage at a time").with_help(format!("the next step is to {}: `{advance}`", step.to)),
    })
}

/// Returns the next step: a larger share of the present stage while it has not all partitions, or else the next stage.
pub(super) fn default_step(migration: &Migration<'_>, partitions: Option<Percent>) -> Result<Step> {
    let (name, now, target) = (migration.name(), migration.now, migration.target);
    let conflict = |message: String| Failure::new(Exit::Conflict, message);
    let contract = || {
        let message = format!("cannot advance {name} from {now}: the last step has a command of its own");
        conflict(message).with_help(format!("run `{}`", target.command_line(&["contract"])))
    };
    let stage = match now.stage {
        stage if !now.is_whole() => stage,
        Stage::Complete => return Err(contract()),
        stage => match stage.next() {
            Some(next) => next,
            None => return Err(conflict(format!("cannot advance {name}: {now} is the last stage"))),
        },
    };
    let before = if now.is_whole() { Percent::ZERO } else { now.share };
    let gate = &migration.gate;
    if migration.partition().is_none() {
        return match partitions {
            None => Ok(Step { from: now, to: Progress::at(stage) }),
            Some(_) => Err(conflict(format!("cannot move a part of {name}: its data has no partitions"))
                .with_help("`partition = \"tenant\"` names the attribute that partitions the data")),
        };
    }
    let share = partitions.unwrap_or_else(|| gate.next(before));
    if share <= before {
        let message = format!("cannot advance {name} to {share} of the partitions: {before} are at {stage}");
        return Err(conflict(message).with_help(format!("to go back, run `{}`", target.command_line(&["back"]))));
    }
    if !gate.ramp.is_empty() && share != gate.next(before) {
        let steps: Vec<String> = gate.ramp.iter().map(|step| step.0.to_string()).collect();
        let message = format!("cannot go from {before} to {share}: the steps of the ramp are {}", steps.join(", "));
        return Err(conflict(message));
    }
    Ok(Step { from: now, to: Progress::partly(stage, share) })
}

/// Fails unless the log is valid, and says that a step led to the present stage.
pub(super) fn check_log(migration: &Migration<'_>) -> Result<()> {
    let (name, now, target) = (migration.name(), migration.now, migration.target);
    let verify = CommandLine::new(&target.file, None, &["log", "--verify"]);
    let removed = migration.journal.removed_entries(&target.file)?.len();
    if !migration.journal.errors.is_empty() || removed > 0 {
        let message = format!("cannot verify the last step of {name}: the log has errors");
        let help = format!("run `{verify}` to list the errors, and find their cause before you go on");
        return Err(Failure::new(Exit::CheckFailed, message).with_help(help));
    }
    let logged = migration.logged();
    // A step back is free, so it needs no entry.
    if logged == now || migration.history().is_back_unlogged(now) {
        return Ok(());
    }
    let path = migration.document().path.display();
    let message = format!("cannot go on from {now}: no step led there, and the log says {logged}");
    let help = if now > logged && now.stage.is_reversible() {
        format!("go back with `{}`, and then take the next step", target.command_line(&["back"]))
    } else {
        format!("set `stage = \"{}\"` in {path}, or find out who changed it", logged.stage)
    };
    Err(Failure::new(Exit::Conflict, message).with_help(help))
}

/// Returns how much of the soak is left. `None`: it is over.
pub(super) fn soak_left(migration: &Migration<'_>) -> Option<SignedDuration> {
    let last = migration.history().last_step()?;
    let left = migration.gate.soak() - Timestamp::now().duration_since(last.when);
    left.is_positive().then(|| SignedDuration::from_secs(left.as_secs().max(1)))
}

/// Checks that the migration has been at the present stage for as long as the soak.
pub(super) fn check_soak(migration: &Migration<'_>, to: Progress) -> Result<()> {
    let Some(left) = soak_left(migration) else { return Ok(()) };
    let (now, soak) = (migration.now, migration.gate.soak());
    let message = format!("cannot go to {to} yet: {} must be at {now} for {soak:#}", migration.name());
    let help = format!("try again in {left:#}; a migration does not advance on its own");
    Err(Failure::new(Exit::Conflict, message).with_help(help))
}
