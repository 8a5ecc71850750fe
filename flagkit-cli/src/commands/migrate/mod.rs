//! `migrate`: moves the data of an application from an old path to a new one, one stage at a time.
//!
//! ```text
//!            evidence, gate, a person                     a person; no way back         a later release
//! off ⇄ dual-write ⇄ shadow ⇄ live ⇄ ramp-down ─────────────▶ complete ─────────────────▶ contracted
//!            `back` at any time, without a gate
//! ```
//!
//! - `migration`: a migration as the files, the gate and the log state it.
//! - `observe`: the running instances, and the entry that all of them have the stage.
//! - `step`: a step forward that is allowed, from its evidence to the review. `summary`: what a person reads before it.
//! - `elsewhere`: the environments that state the stage themselves.
//! - `advance`, `back`, `expand`, `backfill`, `contract`, `status`: one file for each subcommand. `invalid`: a step back in a file
//!   that programs reject.

mod advance;
mod back;
mod backfill;
mod contract;
mod elsewhere;
mod expand;
mod invalid;
mod migration;
mod observe;
mod status;
mod step;
mod summary;

use std::path::{Path, PathBuf};

use flagkit_core::Percent;
use flagkit_core::source::Stage;

pub(super) use self::back::{BackArgs, back};
use self::migration::Migration;
pub(super) use self::migration::Target;
use self::step::Mode;
use super::{check, go, indented};
use crate::cli::MigrateCommand;
use crate::progress::Progress;
use crate::report::Result;

/// Requests the next step of a migration, which people approve later.
pub(super) fn request(target: &Target, partitions: Option<Percent>, reason: Option<String>) -> Result {
    let mode = Mode::Request;
    if Migration::read(target)?.now == Progress::at(Stage::Complete) {
        return contract::run(target, &contract::ContractArgs { reason, key: None, mode });
    }
    advance::run(target, &advance::AdvanceArgs { to: None, partitions, reason, key: None, mode })
}

/// Runs a subcommand for one migration.
pub(super) fn run(file: &Path, name: String, command: MigrateCommand) -> Result {
    let target = |env| Target { file: PathBuf::from(file), name, env };
    match command {
        MigrateCommand::Status { env } => status::run(&target(env)),
        MigrateCommand::Advance { to, partitions, env, reason, key, dry_run } => {
            let mode = Mode::of(dry_run);
            advance::run(&target(env), &advance::AdvanceArgs { to, partitions, reason, key, mode })
        }
        MigrateCommand::Back { to, env, accept_stale_data, reason, dry_run } => {
            back(&target(env), &BackArgs { to, accept_stale_data, reason, dry_run })
        }
        MigrateCommand::ExpandDone { env, note } => expand::run(&target(env), note),
        MigrateCommand::BackfillDone { started, ended, rows, mismatches, env, note } => {
            let args = backfill::BackfillArgs { started, ended, rows, mismatches, note };
            backfill::run(&target(env), args)
        }
        MigrateCommand::Contract { env, reason, key, dry_run } => {
            let mode = Mode::of(dry_run);
            contract::run(&target(env), &contract::ContractArgs { reason, key, mode })
        }
    }
}
