//! `check`: findings about the flags, the code that uses them, and a change of them.
//!
//! Each file adds the findings of one subject:
//!
//! - `names`: names that are easy to confuse.
//! - `metadata`: required metadata.
//! - `age`: expired flags, and flags that have been fully rolled out.
//! - `overrides`: variables that override flags.
//! - `states`: states in the files of environments that belong to no declared flag.
//! - `unchecked`: files beside the flag file that no check reads.
//! - `sql`: destructive statements in the SQL files of migrations.
//! - `uses`: the flags that the code reads.
//! - `approvers`: the list of approvers, and its change since the base.
//! - `unapproved`: flags that are on without approvals.
//! - `change`: widenings since a base revision.
//! - `base`: the flags, the gates and the log before the change.
//! - `nearest`: the flag files that programs used at the base instead of the checked one.
//! - `releases`: the widenings that the log covers.
//! - `against`: whether a build fits the present stages of migrations.
//! - `stages`: the moves of migrations since the base.

mod against;
mod age;
mod approvers;
mod base;
mod change;
mod metadata;
mod names;
mod nearest;
mod overrides;
mod releases;
mod sql;
mod stages;
mod states;
mod unapproved;
mod unchecked;
mod uses;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flagkit_core::Flag;
use flagkit_core::source::{LoadError, Location, Problem};
use serde_json::json;

use self::change::ChangeCheck;
use self::sql::SqlCheck;
use super::show::{days, is_about};
use super::{exit_of, nearest};
use crate::edit;
use crate::environment::{environments, existing_file, files_of, is_layer_above};
use crate::findings::{Finding, Format, Level, render};
use crate::gate::{GateError, Gates};
use crate::journal::Journal;
use crate::project::{Document, Layered, Project, unreadable};
use crate::report::{Detail, Report, Result};
use crate::roots::{Roots, Settings};

/// A flag that was widened since the base. `allow` has no effect on it, because the change could allow itself.
const WIDENS: &str = "widens";
/// The rules that `allow` has no effect on.
const NOT_ALLOWED: [&str; 7] = [
    WIDENS,
    unapproved::UNAPPROVED,
    sql::EARLY,
    stages::STAGE_SKIPPED,
    stages::STALE_DATA,
    stages::PARTITIONS_MOVED,
    stages::MIGRATION_REMOVED,
];
/// The rules about a change, and about files that cannot be compared.
const OF_CHANGE: [&str; 11] = [
    WIDENS,
    approvers::CHANGED,
    stages::STAGE_SKIPPED,
    stages::STALE_DATA,
    stages::PARTITIONS_MOVED,
    stages::MIGRATION_REMOVED,
    "gate-weakened",
    "log",
    "base",
    "problem",
    "unchecked",
];
/// A file with unknown uses, because it does not parse.
pub(crate) const UNREAD: &str = "unread";

pub(crate) fn run(file: &Path, base: Option<&str>, env: Option<&str>, format: Format) -> Result {
    let (findings, allowed) = findings(file, base, env)?;
    Ok(report(file, &findings, allowed, format))
}

/// Checks only whether a build fits the present stages of an environment.
pub(crate) fn run_against(file: &Path, against: &Path, format: Format) -> Result {
    Ok(report(file, &against::findings(file, against)?, 0, format))
}

fn report(file: &Path, findings: &[Finding], allowed: usize, format: Format) -> Report {
    let text = render(file, findings, allowed, format);
    let has_errors = findings.iter().any(|finding| finding.level == Level::Error);
    let data = json!({ "findings": findings, "allowed": allowed });
    Report::new(text, data).with_exit(exit_of(has_errors))
}

/// All findings, in the order of files and lines, and the number of further ones that the file allows.
///
/// `env` restricts the check to one environment.
pub(crate) fn findings(file: &Path, base: Option<&str>, env: Option<&str>) -> Result<(Vec<Finding>, usize)> {
    let envs = match env {
        Some(env) => {
            existing_file(file, env)?;
            environments(file).into_iter().filter(|it| it == env || is_layer_above(env, it)).collect()
        }
        None => environments(file),
    };
    let bytes = crate::file::read(file).map_err(|error| unreadable(file, &error))?;
    let document = match Document::parse(file, bytes) {
        Ok(document) => document,
        Err(error) => return Ok((invalid_document(file, &error), 0)),
    };
    let mut findings = Vec::new();
    let gates = Gates::parse(&document).unwrap_or_else(|errors| {
        findings.extend(errors.into_iter().map(|error| gate_finding(file, error)));
        Gates::default()
    });
    let projects = projects(&document, &envs, &mut findings)?;
    let locations = Locations::of(&document);
    check_problems(&document, &projects, &mut findings);
    check_gate_names(&document, &projects, &mut findings);
    states::check_states(&projects, &mut findings);
    unchecked::check_unchecked(&document, &mut findings);
    names::check_names(&document, &locations, &mut findings);
    metadata::check_metadata(&document, &locations, &mut findings);
    let journal = Journal::read(file)?;
    age::check_age(&document, &locations, &journal, &mut findings);
    let settings = Settings::parse(&document).unwrap_or_else(|error| {
        let message = error.to_string();
        findings.push(gate_finding(file, GateError { location: Some(error.location), message, help: None }));
        Settings::default()
    });
    let list = approvers::check_approvers(&document, &gates, &mut findings);
    unapproved::check_unapproved(&Project::new(document.clone()), &projects, &list, &mut findings);
    let roots = Roots::new(file, &settings);
    overrides::check_overrides(&roots, &document, &projects, &mut findings);
    uses::check_uses(&roots, &document, &locations, &mut findings);
    let sql =
        SqlCheck { roots: &roots, settings: &settings, document: &document, projects: &projects, journal: &journal };
    let allowed_in_sql = sql.run(base, &mut findings)?;
    if let Some(base) = base {
        ChangeCheck::new(base, file, &gates, &journal, &list, &mut findings).run(&document, &projects)?;
        drop_repeated(&mut findings);
        if let Some(other) = nearest::nearest_at_base(file, base, &mut findings)? {
            let (others, _) = self::findings(&other, Some(base), None)?;
            findings.extend(others.into_iter().filter(|finding| OF_CHANGE.contains(&finding.rule)));
        }
    }
    let before = findings.len();
    findings.retain(|finding| {
        let reason = finding.flag.as_ref().and_then(|flag| gates.allowed(flag, finding.rule));
        reason.is_none() || NOT_ALLOWED.contains(&finding.rule)
    });
    let allowed = before - findings.len() + allowed_in_sql;
    findings.sort();
    Ok((findings, allowed))
}

/// Drops the findings of unapproved flags that were also widened: both have the same cause and location.
fn drop_repeated(findings: &mut Vec<Finding>) {
    let of = |finding: &Finding| (finding.path.clone(), finding.flag.clone());
    let widened: BTreeSet<_> = findings.iter().filter(|finding| finding.rule == WIDENS).map(of).collect();
    findings.retain(|finding| finding.rule != unapproved::UNAPPROVED || !widened.contains(&of(finding)));
}

/// The finding for an invalid table that only this command uses.
fn gate_finding(path: &Path, GateError { location, message, help }: GateError) -> Finding {
    let finding = Finding::new("gate", Level::Error, path, message);
    let finding = help.into_iter().fold(finding, Finding::with_help);
    location.into_iter().fold(finding, |finding, location| finding.at(location.line, location.column))
}

/// The findings for a document that is invalid as a whole. Nothing else can be checked then.
fn invalid_document(path: &Path, error: &LoadError) -> Vec<Finding> {
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default();
    if error.problems().is_empty() {
        return vec![Finding::new("problem", Level::Error, path, message)];
    }
    error.problems().iter().map(|problem| problem_finding(path, problem)).collect()
}

fn problem_finding(path: &Path, problem: &Problem) -> Finding {
    let key = if problem.path().is_empty() { String::new() } else { format!("{}: ", problem.path()) };
    let message = format!("{key}got {}, expected {}", problem.got(), problem.expected());
    let mut finding = Finding::new("problem", Level::Error, path, message);
    if let Some(location) = problem.location() {
        finding = finding.at(location.line, location.column);
    }
    problem.help().into_iter().fold(finding, Finding::with_help)
}

/// The readable environments, each above the declaration.
fn projects(declared: &Document, envs: &[String], findings: &mut Vec<Finding>) -> Result<Vec<Project>> {
    let file = &declared.path;
    let mut documents: Vec<(String, Document)> = Vec::new();
    for env in envs {
        let files = files_of(file, env);
        if let [one, other, ..] = files.as_slice() {
            let message = format!("{env} has two files: {} and {}", one.display(), other.display());
            findings.push(Finding::new("problem", Level::Error, other, message).with_help("remove one of them"));
        }
        for path in files {
            let bytes = crate::file::read(&path).map_err(|error| unreadable(&path, &error))?;
            match Document::parse(&path, bytes) {
                Ok(environment) => documents.push((env.clone(), environment)),
                Err(error) => findings.extend(invalid_document(&path, &error)),
            }
        }
    }
    let project = |(env, environment): &(String, Document)| {
        let below = documents.iter().filter(|(lower, _)| is_layer_above(env, lower));
        Project {
            declared: declared.clone(),
            between: below.map(|(_, document)| document.clone()).collect(),
            environment: Some(environment.clone()),
        }
    };
    Ok(documents.iter().map(project).collect())
}

/// The findings about one flag that prevent a `go`: its problems, and a past expiry date.
pub(crate) fn findings_for(project: &Project, name: &str) -> Vec<Detail> {
    let mut found = problems_of(project, name);
    found.extend(unknown_gates_of(project, name));
    let expires =
        project.declared.load.flags().get(name).and_then(Flag::metadata).and_then(|metadata| metadata.expires);
    if let Some(day) = expires.filter(|day| days(*day).is_some_and(|days| days > 0)) {
        found.push(Detail::new(format!("{name} expired on {day}")).with_help("set a later date, or remove the flag"));
    }
    found
}

/// The gates that files of an environment name for a flag, and that no program finds.
///
/// With such a file, a program may require more than any approval can have.
fn unknown_gates_of(project: &Project, name: &str) -> Vec<Detail> {
    // Invalid gates of the declared file prevent a `go` by themselves.
    let Ok(gates) = Gates::parse(&project.declared) else { return Vec::new() };
    let above = project.between.iter().chain(&project.environment);
    let unknown = above.flat_map(|document| gates.unknown_above(document).into_iter().map(move |it| (document, it)));
    let of_flag = unknown.filter(|(_, (flag, _))| flag.as_deref().is_none_or(|flag| flag == name));
    of_flag.map(|(document, (_, error))| error.detail(&document.path)).collect()
}

/// The problems of one flag.
pub(crate) fn problems_of(project: &Project, name: &str) -> Vec<Detail> {
    let layered = project.flags();
    let about = layered.problems.iter().filter(|(_, problem)| is_about(problem.path(), name));
    about.map(|(path, problem)| Detail::of(path.display(), problem)).collect()
}

/// The location of each flag's first declaration.
struct Locations(BTreeMap<String, Location>);

impl Locations {
    fn of(document: &Document) -> Self {
        let names = edit::names(document.format(), &document.text, "flags").into_iter();
        // The map keeps the last of equal keys, so reverse order keeps the first declaration.
        Self(names.rev().collect())
    }

    /// A finding at the declaration of `flag`.
    fn finding(
        &self,
        rule: &'static str,
        level: Level,
        path: &Path,
        flag: &str,
        message: impl Into<String>,
    ) -> Finding {
        let finding = Finding::new(rule, level, path, message).of(flag);
        self.0.get(flag).into_iter().fold(finding, |finding, location| finding.at(location.line, location.column))
    }
}

fn check_problems(document: &Document, projects: &[Project], findings: &mut Vec<Finding>) {
    let mut reported = BTreeSet::new();
    let layered = [Layered::of([document])].into_iter().chain(projects.iter().map(Project::flags));
    for (path, problem) in layered.flat_map(|layered| layered.problems) {
        if reported.insert((path.clone(), problem.to_string())) {
            findings.push(problem_finding(&path, &problem));
        }
    }
}

/// Reports gates that files of environments name, and that no program finds.
///
/// If the gates of the declared file are invalid, its names are unknown, and those errors are reported.
fn check_gate_names(declared: &Document, projects: &[Project], findings: &mut Vec<Finding>) {
    let Ok(gates) = Gates::parse(declared) else { return };
    for document in projects.iter().filter_map(|project| project.environment.as_ref()) {
        let unknown = gates.unknown_above(document).into_iter();
        findings.extend(unknown.map(|(_, error)| gate_finding(&document.path, error)));
    }
}

fn declared(document: &Document) -> impl Iterator<Item = (&str, Option<&Flag>)> {
    let flags = document.load.flags();
    flags.keys().map(|key| (key.as_str(), flags.get(key.as_str())))
}
