//! `migrate NAME contract`: the last step, after which the old data may be dropped.

use std::path::PathBuf;

use flagkit_core::source::Stage;

use super::advance::{check_log, check_soak};
use super::migration::{Migration, Target};
use super::step::{Mode, PlannedStep, StepArgs};
use crate::evidence::Step;
use crate::journal::CONTRACT;
use crate::progress::Progress;
use crate::report::{Exit, Failure, Result};

/// The arguments of `contract`.
pub(super) struct ContractArgs {
    pub(super) reason: Option<String>,
    /// The key with which the person signs. `None`: that of the environment, or of git.
    pub(super) key: Option<PathBuf>,
    pub(super) mode: Mode,
}

pub(super) fn run(target: &Target, args: &ContractArgs) -> Result {
    let migration = Migration::read(target)?;
    let (name, now) = (migration.name(), migration.now);
    let complete = Progress::at(Stage::Complete);
    if now != complete {
        let message = format!("cannot contract {name}: it is at {now}, expected {complete}");
        let failure = Failure::new(Exit::Conflict, message);
        return Err(if now < complete {
            failure.with_help(format!("the next step is `{}`", target.command_line(&["advance"])))
        } else {
            failure
        });
    }
    migration.check_layer()?;
    check_log(&migration)?;
    let step = Step { from: now, to: Progress::at(Stage::Contracted) };
    check_soak(&migration, step.to)?;
    let args = StepArgs { verb: CONTRACT, reason: args.reason.clone(), key: args.key.clone(), mode: args.mode };
    PlannedStep::run(migration, step, &args)
}
