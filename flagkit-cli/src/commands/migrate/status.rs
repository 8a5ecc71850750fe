//! `migrate NAME status`: the stage, the running instances, and what the next step requires.

use std::fmt::Write as _;

use flagkit_core::source::Stage;
use serde_json::json;

use super::advance::{default_step, soak_left};
use super::indented;
use super::migration::{Migration, Target};
use super::observe;
use super::step::evidence;
use super::summary::evidence_table;
use crate::command_line::CommandLine;
use crate::evidence::Step;
use crate::instances::{Instance, InstanceState};
use crate::progress::Progress;
use crate::report::{Report, Result};
use crate::terminal::{BOLD, DIM, Table, WARN, escape_control_chars, styled};

pub(super) fn run(target: &Target) -> Result {
    let mut migration = Migration::read(target)?;
    let instances = observe::instances(&migration.gate, migration.name());
    // A status is useful also where nothing can be written.
    let newly_observed = migration.record_observed(&instances).unwrap_or(false);
    let step = next_step(&migration);
    let evidence = step.map(|step| evidence(&migration, step, &instances)).transpose()?.unwrap_or_default();
    let command = step.map(|step| command(&migration, step));
    let soak = step.and_then(|_| soak_left(&migration)).map(|left| format!("{left:#}"));

    let history = migration.history();
    let mut text = headline(&migration);
    if newly_observed {
        let _ = writeln!(text, "recorded an observation in the log: every instance is at {}", migration.now);
    }
    if !instances.is_empty() {
        let _ = write!(text, "\n{}", indented(&instances_table(&instances)));
    }
    if let (Some(step), Some(command)) = (step, &command) {
        let _ = write!(text, "\nTo go to {}:\n\n{}", styled(BOLD, step.to), indented(&evidence_table(&evidence)));
        if let Some(left) = &soak {
            let _ = writeln!(text, "\nThe soak is over in {left}.");
        }
        let is_ready = soak.is_none() && evidence.iter().all(|it| it.met);
        let next = if is_ready { "next" } else { "then" };
        let _ = writeln!(text, "\n{next}: {command}");
    }
    let last = history.last_step();
    let data = json!({
        "flag": migration.name(), "stage": migration.now.stage.as_str(), "share": migration.now.share.to_string(),
        "file": migration.document().path.display().to_string(), "logged": migration.logged().to_string(),
        "since": last.map(|last| last.when), "by": last.map(|last| &last.who),
        "observed": history.observed().map(|entry| entry.when), "instances": instances,
        "next": step.map(|step| json!({
            "to": step.to.to_string(), "evidence": evidence, "soak_left": soak, "command": command,
        })),
    });
    Ok(Report::new(text, data))
}

/// Returns the next step forward, if there is one.
fn next_step(migration: &Migration<'_>) -> Option<Step> {
    if migration.now == Progress::at(Stage::Complete) {
        return Some(Step { from: migration.now, to: Progress::at(Stage::Contracted) });
    }
    default_step(migration, None).ok()
}

fn command(migration: &Migration<'_>, step: Step) -> String {
    let word = if step.to.stage == Stage::Contracted { "contract" } else { "advance" };
    migration.target.command_line(&[word])
}

/// The stage, since when, and by which user; and what is wrong with it.
fn headline(migration: &Migration<'_>) -> String {
    let (name, now) = (migration.name(), migration.now);
    let history = migration.history();
    let path = migration.document().path.display();
    let mut text = format!("{} is at {} in {path}", styled(BOLD, name), styled(BOLD, now));
    match history.last_step() {
        Some(last) if last.progress() == Some(now) => {
            let (when, who) = (last.when.strftime("%Y-%m-%d %H:%MZ"), escape_control_chars(&last.who));
            let _ = writeln!(text, ", since {} by {who}", styled(DIM, when));
        }
        _ => text.push('\n'),
    }
    let logged = migration.logged();
    if logged != now {
        let log = CommandLine::new(&migration.target.file, None, &["log", name]);
        let _ = writeln!(text, "{} the log says {logged}: see `{log}`", styled(WARN, "warning:"));
    }
    if now.stage > Stage::Off && history.observed().is_none() {
        let _ = writeln!(text, "not every instance was seen at {now} yet");
    }
    text
}

/// A table of the instances that responded, and a line for each other one.
fn instances_table(instances: &[Instance]) -> String {
    let header = ["instance", "release", "stage", "range", "compared", "mismatched", "lost writes"];
    let (mut table, mut others) = (Table::new(header), String::new());
    for instance in instances {
        let url = escape_control_chars(&instance.url);
        let status = match &instance.state {
            InstanceState::Known(status) => status,
            InstanceState::Unknown(error) => {
                let _ = writeln!(others, "{url}: {}", styled(WARN, escape_control_chars(error)));
                continue;
            }
        };
        let (migration, counters) = (&status.migration, status.migration.counters);
        table.push([
            url,
            status.release.clone().unwrap_or_else(|| styled(DIM, "-")),
            migration.shown_progress(),
            migration.range.clone(),
            counters.compared.to_string(),
            counters.mismatched.to_string(),
            counters.unrepaired.to_string(),
        ]);
    }
    let has_responses = instances.iter().any(|instance| instance.status().is_some());
    if has_responses { table.render() + &others } else { others }
}
