//! `migrate NAME backfill-done`: the certificate that the existing rows were copied to the new side.

use flagkit_core::source::Stage;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::migration::{Migration, Target};
use crate::evidence::{after, to_second};
use crate::history::{Backfill, History};
use crate::journal::{BACKFILL, Entry, Journal};
use crate::report::{Exit, Failure, Report, Result};
use crate::write::Writer;

/// The arguments of `backfill-done`.
pub(super) struct BackfillArgs {
    pub(super) started: Timestamp,
    /// `None`: now.
    pub(super) ended: Option<Timestamp>,
    pub(super) rows: u64,
    pub(super) mismatches: u64,
    pub(super) note: Option<String>,
}

/// How far the clock of the machine that ran the backfill may be ahead.
const CLOCK_DRIFT: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn run(target: &Target, args: BackfillArgs) -> Result {
    let now = Timestamp::now();
    let ended = args.ended.unwrap_or(now);
    if args.started > ended || ended > now + CLOCK_DRIFT {
        let message = format!(
            "got a backfill from {} to {}, expected times in order, and in the past",
            to_second(args.started),
            to_second(ended)
        );
        return Err(Failure::usage(message));
    }
    // Another step could void the certificate while it is written.
    let path = Migration::read(target)?.document().path.clone();
    let _writer = Writer::new(&path)?;
    let migration = Migration::read(target)?;
    let history = migration.history();
    check_order(&migration, &history, args.started)?;
    let (name, stage) = (migration.name(), migration.now);
    let digest = migration.document().digest().unwrap_or_default();
    let BackfillArgs { started, rows, mismatches, note, .. } = args;
    let mut entry = Entry::of_migration(BACKFILL, &path, &digest, name, Some(stage), stage).because(note);
    entry.backfill = Some(Backfill { started, ended, rows, mismatches });
    Journal::append(&target.file, [entry]).map_err(|error| {
        Failure::io(format!("cannot write the log {}: {error}", Journal::path(&target.file).display()))
    })?;
    let text = if mismatches == 0 {
        format!("recorded the backfill of {name}: {rows} rows, no mismatch\n")
    } else {
        format!(
            "recorded the backfill of {name}: {rows} rows, {mismatches} mismatches; it does not count as finished\n"
        )
    };
    let data = json!({ "flag": name, "started": started, "ended": ended, "rows": rows, "mismatches": mismatches });
    Ok(Report::new(text, data))
}

/// Fails unless the backfill began after every instance wrote both sides, and after the drain.
fn check_order(migration: &Migration<'_>, history: &History<'_>, started: Timestamp) -> Result<()> {
    let (name, now, target) = (migration.name(), migration.now, migration.target);
    let order = "write both sides first, and then backfill: a row that is written in between would be lost otherwise";
    let drain = migration.gate.drain();
    if now.stage >= Stage::Complete {
        let message = format!("cannot record a backfill of {name}: it is at {now}");
        return Err(Failure::new(Exit::Conflict, message).with_help("the old side is not written any more"));
    }
    match history.drained_at(drain) {
        Some(drained) if drained < started => Ok(()),
        Some(drained) => {
            let (started, after) = (to_second(started), after(drained, drain));
            let message = format!("cannot count a backfill of {name} that started {started}: it may start {after}");
            let help = format!("{order}; run the backfill again; `drain` in the gate is the longest time of a request");
            Err(Failure::new(Exit::CheckFailed, message).with_help(help))
        }
        None => {
            let message = format!("cannot count a backfill of {name}: not every instance was seen at dual-write yet");
            let status = target.command_line(&["status"]);
            Err(Failure::new(Exit::CheckFailed, message)
                .with_help(format!("{order}; `{status}` shows what is missing")))
        }
    }
}
