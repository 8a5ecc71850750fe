//! `migrate NAME contract`: the last step, after which the old data may be dropped.

use flagkit_core::source::Stage;

use super::advance::{check_log, check_soak};
use super::migration::{Migration, Target};
use super::step::{PlannedStep, StepArgs};
use crate::evidence::Step;
use crate::journal::CONTRACT;
use crate::progress::Progress;
use crate::report::{Exit, Failure, Result};

/// The arguments of `contract`.
pub(super) struct ContractArgs {
    pub(super) reason: Option<String>,
    pub(super) dry_run: bool,
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
    let args = StepArgs { verb: CONTRACT, reason: args.reason.clone(), dry_run: args.dry_run };
    PlannedStep::run(migration, step, &args)
}
