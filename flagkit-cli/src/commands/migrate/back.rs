//! `migrate NAME back`: one stage back, at once, without a gate, a prompt or the network.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::time::Duration;

use flagkit_core::source::Stage;
use serde_json::{Value, json};

use super::migration::{Migration, Target};
use super::step::new_text;
use super::{elsewhere, invalid};
use crate::instances::{self, Instance, unrepaired};
use crate::intent::{Written, replace_and_log};
use crate::journal::{BACK, Entry, Journal};
use crate::progress::Progress;
use crate::project::digest;
use crate::report::{Exit, Failure, Report, Result};
use crate::terminal::{GOOD, WARN, escape_control_chars, styled};
use crate::write::{Replaced, Writer};

/// The arguments of `back`.
pub(in crate::commands) struct BackArgs {
    /// The stage to reach, for a person who wants to be sure. `None`: the one before the present one.
    pub(in crate::commands) to: Option<Stage>,
    /// Whether to go back from `complete`, although the old data is stale.
    pub(in crate::commands) accept_stale_data: bool,
    pub(in crate::commands) reason: Option<String>,
    pub(in crate::commands) dry_run: bool,
}

/// The number of attempts if another process writes at the same time.
const ATTEMPTS: u32 = 5;
/// The time for an instance to report its lost writes. The step does not wait for it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Brings a migration one stage back.
pub(in crate::commands) fn back(target: &Target, args: &BackArgs) -> Result {
    let mut writer = None;
    let mut attempt = 1;
    loop {
        let migration = match Migration::read_for_back(target) {
            Ok(migration) => migration,
            Err(failure) if matches!(failure.exit, Exit::Findings | Exit::CheckFailed) => {
                return invalid::back(target, args, failure);
            }
            Err(failure) => return Err(failure),
        };
        let logged = migration.history().progress();
        let Some(to) = previous(target, migration.now, logged, args)? else {
            let text = format!("{} is already off\n", target.name) + &elsewhere::further_on(target, migration.now);
            return Ok(Report::new(text, json!({ "flag": target.name, "written": false })));
        };
        let text = new_text(&migration, to)?;
        if args.dry_run {
            return Ok(report(&target.name, migration.now, to, args));
        }
        let path = migration.document().path.clone();
        let Some(writer) = &writer else {
            // Read the files again under the lock: another run may have written since the first read.
            writer = Some(Writer::try_lock(&path));
            continue;
        };
        let entry = Entry::of_migration(BACK, &path, &digest(text.as_bytes()), &target.name, Some(migration.now), to);
        let expected = migration.document().digest();
        let texts = [expected.as_deref(), Some(text.as_str())];
        let entries = vec![entry.because(args.reason.clone())];
        match replace_and_log(&target.file, &path, writer, texts, entries, false) {
            Err(failure) if failure.exit == Exit::Conflict && attempt < ATTEMPTS => attempt += 1,
            Err(failure) => return Err(failure),
            Ok(written) => return finish(&migration, to, args, written),
        }
    }
}

/// Returns the stage to go back to. `None`: the migration has not begun.
pub(super) fn previous(
    target: &Target,
    now: Progress,
    logged: Option<Progress>,
    args: &BackArgs,
) -> Result<Option<Progress>> {
    let name = target.name.as_str();
    let conflict = |message: String| Failure::new(Exit::Conflict, message);
    if now.stage == Stage::Contracted {
        let message = format!("cannot go back from {now}: no running build has code for the old side of {name}");
        return Err(conflict(message).with_help("the old data may be gone; fix the new side, and deploy it"));
    }
    // An edit by hand may have hidden that the old side was not written for a while.
    let was_complete = logged.is_some_and(|logged| logged.stage >= Stage::Complete);
    if (now.stage == Stage::Complete || was_complete) && !args.accept_stale_data {
        let message = format!("cannot go back from complete: the old data of {name} is stale");
        let words = ["back", "--accept-stale-data"];
        let help = format!("fix the new side, and deploy it; `{}` goes back all the same", target.command_line(&words));
        return Err(conflict(message).with_help(help));
    }
    let to = now.back();
    let goal = args.to.or(to.map(|to| to.stage));
    match (to, goal) {
        (None, None) => Ok(None),
        (Some(to), Some(goal)) if goal == to.stage => Ok(Some(to)),
        (to, goal) => {
            let goal = goal.map_or_else(String::new, |goal| format!(" to {goal}"));
            let failure = conflict(format!("cannot bring {name} back from {now}{goal}: one stage at a time"));
            Err(match to {
                Some(to) => failure.with_help(format!("the stage before {} is {to}", now.stage)),
                None => failure.with_help("it has not begun"),
            })
        }
    }
}

pub(super) fn report(name: &str, from: Progress, to: Progress, args: &BackArgs) -> Report {
    let brought = if args.dry_run { "would bring" } else { "brought" };
    let text = format!("{brought} {name} back from {from} to {}\n", styled(GOOD, to));
    Report::new(text, json!({ "flag": name, "from": from.to_string(), "to": to.to_string(), "written": !args.dry_run }))
}

/// Reports the step, and what was lost.
fn finish(migration: &Migration<'_>, to: Progress, args: &BackArgs, written: Written) -> Result {
    let mut report = report(migration.name(), migration.now, to, args);
    report.text += &lost_writes(migration, to, &mut report.data);
    if to.stage.compares() {
        let status = migration.target.command_line(&["status"]);
        let _ = writeln!(report.text, "comparisons count again from the next `{status}` on");
    }
    if to == Progress::OFF {
        report.text += "a backfill from before this step does not count any more\n";
    }
    report.data["logged"] = written.logged.is_ok().into();
    let (name, file) = (migration.name(), &migration.target.file);
    if let Err(error) = written.logged {
        let log = Journal::path(file);
        if !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound) {
            let message = format!("{name} is at {to}, but cannot write the log {}: {error}", log.display());
            return Err(Failure::io(message));
        }
        // Going back must not depend on the log.
        let _ = writeln!(report.text, "the step is not in the log: cannot write {}: {error}", log.display());
    }
    if let Replaced::Without(lost) = written.replaced {
        let message = format!("{name} is at {to}, but {lost}");
        return Err(Failure::io(message).with_details(report.text.lines().map(str::to_owned)));
    }
    Ok(report)
}

/// Names the instances that are more than one stage from the new one. Two sides could be authoritative then.
fn lagging(instances: &[Instance], to: Progress) -> String {
    let mut text = String::new();
    for instance in instances {
        let progress = instance.status().and_then(|status| status.migration.progress());
        if let Some(progress) = progress.filter(|progress| !progress.is_one_step_from(to)) {
            let (warning, url) = (styled(WARN, "warning:"), escape_control_chars(&instance.url));
            let _ = writeln!(text, "{warning} {url} is still at {progress}, more than one stage from {to}");
        }
    }
    if !text.is_empty() {
        let _ = writeln!(text, "wait until each of them has loaded {to} before you take another step");
    }
    text
}

/// Says how many second writes were lost, as far as the instances report it in time.
fn lost_writes(migration: &Migration<'_>, to: Progress, data: &mut Value) -> String {
    let urls = migration.gate.instances.as_deref().unwrap_or_default();
    if urls.is_empty() {
        return "lost second writes are unknown: the gate lists no instance\n".to_owned();
    }
    let (from, name) = (migration.now.stage, migration.name());
    let instances = instances::request(urls, name, TIMEOUT);
    let lost = unrepaired(instances.iter().filter_map(Instance::status));
    let silent = instances.iter().filter(|instance| instance.status().is_none()).count();
    data["lost"] = json!({ "unrepaired": lost, "unknown_instances": silent });
    let mut text = match lost {
        0 => "no second write was lost".to_owned(),
        1 => styled(WARN, "1 second write was lost"),
        lost => styled(WARN, format!("{lost} second writes were lost")),
    };
    match silent {
        0 => {}
        1 => text += ", except for 1 instance that did not respond",
        silent => {
            let _ = write!(text, ", except for {silent} instances that did not respond");
        }
    }
    text.push('\n');
    text += &lagging(&instances, to);
    if lost > 0 {
        let side = from.authoritative().other();
        if from.authoritative() == to.stage.authoritative() {
            let _ = writeln!(text, "their rows are stale on the {side} side, which is not read");
        } else {
            let _ = writeln!(text, "their rows are stale on the {side} side, which is read from now on");
        }
        let status = migration.target.command_line(&["status"]);
        let _ = writeln!(text, "repair them in the application, or copy them again; `{status}` counts the rest");
    }
    text
}
