//! The evidence that a step of a migration requires, from the log, the running instances and the SQL of the project.
//!
//! | step to | evidence |
//! |---|---|
//! | `dual-write` | the additive SQL was applied; every instance has the code |
//! | `shadow` | every instance was seen at `dual-write`; after the drain, a backfill began that left no mismatch |
//! | `live`, `ramp-down` | enough compared reads, few mismatches, few shadow reads that fail |
//! | `complete` | every instance reports its release |
//! | `contracted` | every instance runs another release than at `complete`, without code for the old side |
//!
//! Each step after `dual-write` also requires that every instance is at the present stage, and that no second write is
//! lost.

use std::collections::HashMap;
use std::path::Path;

use flagkit_core::Percent;
use flagkit_core::source::Stage;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::gate::Gate;
use crate::history::{History, SeenInstance};
use crate::instances::{Instance, InstanceState, InstanceStatus, MigrationStatus, unrepaired};
use crate::journal::Entry;
use crate::migrations::{self, Expansion};
use crate::progress::Progress;
use crate::project::Document;
use crate::report::Result;
use crate::roots::{Roots, Settings};
use crate::terminal::escape_control_chars;

/// The word of `allow` by which a migration needs no SQL that adds the new side.
pub(crate) const EXPAND_SQL: &str = "expand-sql";

/// One requirement of a step, and whether it is met.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Evidence {
    pub(crate) what: String,
    pub(crate) met: bool,
    /// What was found.
    pub(crate) got: Vec<String>,
    /// What to do if it is not met.
    pub(crate) help: Option<String>,
}

impl Evidence {
    fn new(what: impl Into<String>, met: bool, got: impl Into<String>) -> Self {
        Self { what: what.into(), met, got: vec![got.into()], help: None }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        if !self.met {
            self.help = Some(help.into());
        }
        self
    }
}

/// A step of a migration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) from: Progress,
    pub(crate) to: Progress,
}

/// All that the evidence of a step is taken from.
pub(crate) struct Sources<'s> {
    pub(crate) file: &'s Path,
    pub(crate) name: &'s str,
    /// The name of the gate, if the migration has one.
    pub(crate) gate_name: Option<&'s str>,
    pub(crate) gate: &'s Gate,
    pub(crate) history: &'s History<'s>,
    pub(crate) instances: &'s [Instance],
    /// The reason why no SQL adds the new side, if the flag states one.
    pub(crate) allowed_without_sql: Option<&'s str>,
    /// The command that certifies a backfill, for advice.
    pub(crate) backfill_done: String,
    /// The command that certifies that the SQL was applied, for advice.
    pub(crate) expand_done: String,
}

/// Returns what is required for a step.
pub(crate) fn required(step: Step, sources: &Sources<'_>) -> Result<Vec<Evidence>> {
    let mut evidence = Vec::new();
    if step.to.stage == Stage::DualWrite {
        evidence.push(expanded(sources)?);
    }
    evidence.push(match &sources.gate.instances {
        None => unlisted(sources.gate_name),
        Some(urls) if urls.is_empty() => {
            Evidence::new("the running instances", true, "none can be observed; a person vouches for them")
        }
        Some(_) => each_instance_is_ready(step, sources.instances),
    });
    if step.from.stage == Stage::DualWrite && step.to.stage == Stage::Shadow {
        evidence.push(backfilled(sources));
    }
    if sources.gate.instances.as_ref().is_some_and(|urls| !urls.is_empty()) {
        counted(step, sources, &mut evidence);
    }
    Ok(evidence)
}

/// The additive part of the schema's change.
fn expanded(sources: &Sources<'_>) -> Result<Evidence> {
    let Sources { file, name, .. } = *sources;
    let what = "the SQL that adds the new side";
    let expansions = migrations::expansions(file, name)?;
    if !expansions.is_empty() {
        return Ok(applied(&expansions, sources));
    }
    if let Some(reason) = sources.allowed_without_sql {
        return Ok(Evidence::new(what, true, format!("allowed: {reason}")));
    }
    let settings = Settings::parse(&Document::read(file)?).unwrap_or_default();
    let files = match migrations::find(file, &Roots::new(file, &settings), &settings).len() {
        0 => return Ok(Evidence::new(what, true, "the project has no SQL files, so none was checked")),
        1 => "1 SQL file".to_owned(),
        files => format!("{files} SQL files"),
    };
    Ok(Evidence::new(what, false, format!("{files}, and none has the marker of {name}")).with_help(format!(
        "write `-- flagkit: expand {name}` above the statements that add it; if it needs none, add \
             `allow = {{ {EXPAND_SQL} = \"the reason\" }}` to the flag"
    )))
}

/// The certificate that each of these SQL files was applied as it is now.
fn applied(expansions: &[Expansion], sources: &Sources<'_>) -> Evidence {
    let what = "the SQL that adds the new side was applied";
    let Some(entry) = sources.history.expanded() else {
        let files: Vec<String> = expansions.iter().map(ToString::to_string).collect();
        return Evidence::new(what, false, format!("no record of {}", files.join(", ")))
            .with_help(format!("apply it, and then run `{}`", sources.expand_done));
    };
    let is_applied = |sql: &&Expansion| entry.applied.iter().any(|applied| applied.digest == sql.digest);
    let when = to_second(entry.when);
    match expansions.iter().find(|sql| !is_applied(sql)) {
        None => Evidence::new(what, true, format!("recorded {when} by {}", escape_control_chars(&entry.who))),
        Some(sql) => {
            let got = format!("{} is new, or has changed, since the record of {when}", sql.path.display());
            Evidence::new(what, false, got)
                .with_help(format!("apply what is missing, and then run `{}` again", sources.expand_done))
        }
    }
}

/// The missing list of instances.
fn unlisted(gate_name: Option<&str>) -> Evidence {
    let gate = gate_name.map_or_else(|| "a gate of the migration".to_owned(), |name| format!("[gate.{name}]"));
    Evidence::new("the running instances", false, "the gate does not list them").with_help(format!(
        "add `instances = [\"http://…/status\"]` to {gate}; `instances = []` states that none can be observed"
    ))
}

/// Every instance is at the present stage, and its build supports the next one.
fn each_instance_is_ready(step: Step, instances: &[Instance]) -> Evidence {
    let range = if step.to.stage == Stage::Contracted { "contracted" } else { "full" };
    let what = format!("every instance is at {} with the range {range}", step.from);
    let problems: Vec<String> = instances
        .iter()
        .filter_map(|instance| Some(format!("{}: {}", instance.url, instance_problem(instance, step.from, range)?)))
        .collect();
    if instances.is_empty() {
        return Evidence::new(what, false, "no instance").with_help("start the application, and try again");
    }
    let ready = instances.len() - problems.len();
    let mut evidence = Evidence::new(what, problems.is_empty(), format!("{ready} of {}", instances.len()));
    evidence.got.extend(problems);
    evidence.with_help(if range == "full" {
        "wait until each of them has loaded the stage, or deploy the build that has the migration"
    } else {
        "deploy the build with `range = Contracted` everywhere"
    })
}

/// Returns why an instance does not count as ready. `None`: it is.
fn instance_problem(instance: &Instance, expected: Progress, range: &str) -> Option<String> {
    let status = match &instance.state {
        InstanceState::Unknown(error) => return Some(error.clone()),
        InstanceState::Known(status) => status,
    };
    let migration = &status.migration;
    if migration.progress() != Some(expected) {
        return Some(format!("got {}, expected {expected}", migration.shown_progress()));
    }
    (migration.range != range).then(|| format!("got the range {}, expected {range}", migration.range))
}

/// Returns whether every instance has this progress, and a build that supports it.
pub(crate) fn are_at(instances: &[Instance], progress: Progress) -> bool {
    let has_stage =
        |migration: &MigrationStatus| migration.progress() == Some(progress) && migration.supports(progress.stage);
    let is_there = |instance: &Instance| instance.status().is_some_and(|status| has_stage(&status.migration));
    !instances.is_empty() && instances.iter().all(is_there)
}

/// A backfill that began after every instance wrote both sides, and after the drain.
fn backfilled(sources: &Sources<'_>) -> Evidence {
    let what = "a backfill that began after every instance wrote both sides";
    let (history, drain) = (sources.history, sources.gate.drain());
    if let Some(backfill) = history.backfill(drain) {
        let rows = if backfill.rows == 1 { "1 row".to_owned() } else { format!("{} rows", backfill.rows) };
        return Evidence::new(what, true, format!("{rows}, started {}, no mismatch", to_second(backfill.started)));
    }
    let drained = history.drained_at(drain);
    let got = match (drained, history.last_backfill()) {
        (None, _) => "not every instance was seen at dual-write yet".to_owned(),
        (Some(_), None) => "none".to_owned(),
        (Some(drained), Some(backfill)) if backfill.started <= drained => {
            format!("one that started {}, but it may start {}", to_second(backfill.started), after(drained, drain))
        }
        (Some(_), Some(backfill)) => format!("one with {} mismatches", backfill.mismatches),
    };
    let wait = match drained.filter(|drained| *drained >= Timestamp::now()) {
        Some(drained) => format!("a backfill may start {}: ", after(drained, drain)),
        None => String::new(),
    };
    let copy = "copy the rows from the old side to the new one";
    Evidence::new(what, false, got).with_help(format!("{wait}{copy}, and then run `{}`", sources.backfill_done))
}

/// The time from which a backfill may start, for a message.
pub(crate) fn after(drained: Timestamp, drain: SignedDuration) -> String {
    let second = SignedDuration::from_secs(1);
    let from = to_second(drained.saturating_add(second).unwrap_or(Timestamp::MAX));
    if drain.is_zero() { format!("from {from} on") } else { format!("from {from} on, after a drain of {drain:#}") }
}

/// A time without fractions of a second, for a message.
pub(crate) fn to_second(time: Timestamp) -> impl std::fmt::Display {
    time.strftime("%Y-%m-%dT%H:%M:%SZ")
}

/// The evidence from the counters and the releases of the instances.
fn counted(step: Step, sources: &Sources<'_>, evidence: &mut Vec<Evidence>) {
    let statuses: Vec<&InstanceStatus> = sources.instances.iter().filter_map(Instance::status).collect();
    if step.from != Progress::OFF && step.from.stage < Stage::Complete {
        let lost = unrepaired(statuses.iter().copied());
        evidence.push(
            Evidence::new("no second write is lost", lost == 0, format!("{lost} unrepaired"))
                .with_help("repair these rows, or run the backfill again and restart the instances"),
        );
    }
    if step.from.stage.compares() {
        compared(step, sources.gate, &statuses, sources.history.observed(), evidence);
    }
    if step.to.stage == Stage::Complete {
        evidence.push(released(&statuses));
    }
    if step.to.stage == Stage::Contracted {
        evidence.push(released_later(&statuses, sources.history));
    }
}

/// Enough compared reads at the present stage, with few enough mismatches.
///
/// The counters begin with a process. What an instance had counted when it was first seen at this stage is subtracted.
fn compared(
    step: Step,
    gate: &Gate,
    statuses: &[&InstanceStatus],
    observed: Option<&Entry>,
    evidence: &mut Vec<Evidence>,
) {
    let observation = observed.and_then(|entry| entry.observed.as_ref());
    let seen = observation.into_iter().flat_map(|observed| &observed.instances);
    let before: HashMap<&str, &SeenInstance> = seen.map(|seen| (seen.instance.as_str(), seen)).collect();
    let (mut compared, mut mismatched, mut failed) = (0_u64, 0_u64, 0_u64);
    for status in statuses {
        let counters = status.migration.counters;
        let since = |now: u64, before: Option<u64>| now.saturating_sub(before.unwrap_or(0));
        let before = before.get(status.instance.as_str());
        // Comparisons are known to be of this stage if the instance was observed before them, or started later.
        let is_new = || observed.zip(status.started).is_some_and(|(observed, started)| started > observed.when);
        if before.is_none() && !is_new() {
            continue;
        }
        compared = compared.saturating_add(since(counters.compared, before.map(|it| it.compared)));
        mismatched = mismatched.saturating_add(since(counters.mismatched, before.map(|it| it.mismatched)));
        let failed_before = before.and_then(|it| it.comparisons_failed);
        failed = failed.saturating_add(since(counters.comparisons_failed, failed_before));
    }
    let most = gate.most_mismatched();
    // A larger share of the same stage compares on.
    if step.from.stage != step.to.stage {
        let fewest = gate.fewest_compared();
        evidence.push(
            Evidence::new(
                format!("at least {fewest} compared reads at {}", step.from.stage),
                compared >= fewest,
                compared.to_string(),
            )
            .with_help("wait for more reads; `compared` in the gate sets the number"),
        );
    }
    // 100 % is 100 million of these units.
    let is_few = u128::from(mismatched) * 100_000_000 <= u128::from(compared) * u128::from(most.millionths());
    evidence.push(
        Evidence::new(
            format!("at most {most} of the compared reads differ"),
            is_few,
            format!("{mismatched} of {compared}"),
        )
        .with_help("find out why the sides differ, repair the rows, and restart the instances"),
    );
    // A shadow read that is late says nothing about the data, so a few are always allowed.
    let most = most.max(Percent::new(1).unwrap_or(Percent::ZERO));
    let all = u128::from(compared) + u128::from(failed);
    evidence.push(
        Evidence::new(
            format!("at most {most} of the shadow reads fail"),
            u128::from(failed) * 100_000_000 <= all * u128::from(most.millionths()),
            format!("{failed} of {all}"),
        )
        .with_help("find out why the other side fails or is late, and restart the instances"),
    );
}

/// Every instance reports its release, so that another release is recognized.
fn released(statuses: &[&InstanceStatus]) -> Evidence {
    let unknown = statuses.iter().filter(|status| status.release.is_none()).count();
    let releases = list(statuses.iter().filter_map(|status| status.release.as_deref()));
    let got = match unknown {
        0 => format!("release {releases}"),
        1 => "1 instance reports none".to_owned(),
        unknown => format!("{unknown} instances report none"),
    };
    Evidence::new("every instance reports its release", unknown == 0, got)
        .with_help("set the release in the application; the last step requires another one")
}

/// Every instance runs another release than those at the step to `complete`.
fn released_later(statuses: &[&InstanceStatus], history: &History<'_>) -> Evidence {
    let old = history.releases_at_complete();
    let is_later = |status: &&InstanceStatus| status.release.as_deref().is_some_and(|release| !old.contains(release));
    let met = statuses.iter().all(is_later);
    let shown = |status: &&InstanceStatus| status.release.as_deref().map(|release| format!("release {release}"));
    let shown = statuses.iter().map(|status| shown(status).unwrap_or_else(|| "no release".to_owned()));
    let shown: Vec<String> = shown.collect();
    let releases = list(shown.iter().map(String::as_str));
    let what = if old.is_empty() {
        "every instance reports its release".to_owned()
    } else {
        format!("every instance runs another release than those at complete ({})", list(old.into_iter()))
    };
    Evidence::new(what, met, releases).with_help("deploy a release without code for the old side everywhere")
}

/// Returns the different words of a list, in order.
fn list<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: std::collections::BTreeSet<&str> = words.collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}
