//! `check --against`: whether a build can run where the migrations are now.
//!
//! A build has code for a range of stages, and it embeds the stage at which it starts without its sources. Both must fit
//! the present stage, or the deployed build would lose writes, read stale data, or fail.

use std::collections::BTreeSet;
use std::path::Path;

use flagkit_core::source::{Load, Stage};
use flagkit_core::{Flag, FlagKey, FlagSet};
use flagkit_sources::document::tree::nearest;
use serde_json::Value;

use super::{Locations, UNREAD, invalid_document, problem_finding};
use crate::commands::show::is_about;
use crate::environment::{environment_of, lower_files};
use crate::file::parent_dir;
use crate::findings::{Finding, Level};
use crate::progress::Progress;
use crate::project::{Document, Layered, unreadable};
use crate::report::{Failure, Result};
use crate::roots::{Roots, Settings};
use crate::tree::document_to_json;
use crate::usage::{Use, Uses};

/// A build without code for the present stage.
const BUILD_RANGE: &str = "build-range";
/// A build that would start at a stage that must not coexist with the present one.
const EMBEDDED_STAGE: &str = "embedded-stage";

/// The build, and the files that state the present stages.
struct Guard<'g> {
    declared: &'g Document,
    /// The files above the declaration, lowest first. The last one is the file of the environment.
    above: Vec<Document>,
    uses: Vec<Use>,
}

/// Returns a finding for each migration that the build does not fit.
pub(super) fn findings(file: &Path, against: &Path) -> Result<Vec<Finding>> {
    let read = |path: &Path| crate::file::read(path).map_err(|error| unreadable_state(path, unreadable(path, &error)));
    let bytes = crate::file::read(file).map_err(|error| unreadable(file, &error))?;
    let declared = match Document::parse(file, bytes) {
        Ok(document) => document,
        Err(error) => return Ok(invalid_document(file, &error)),
    };
    let mut above = Vec::new();
    for path in paths_above(file, against)? {
        match Document::parse(&path, read(&path)?) {
            Ok(document) => above.push(document),
            Err(error) => return Ok(invalid_document(&path, &error)),
        }
    }
    let settings = Settings::parse(&declared).unwrap_or_default();
    let roots = Roots::new(file, &settings);
    let Uses { found, unread, has_other_files } = Uses::find(&roots);
    // Code outside of the file's folder may read another flag file, if there is one.
    let is_ours = |path: &Path| roots.are_named || !has_other_files || roots.is_beside_file(path);
    let is_built = |used: &Use| used.range().is_some() && is_ours(&used.path) && !is_of_tests(&used.path);
    let uses = found.into_iter().filter(is_built).collect();
    let guard = Guard { declared: &declared, above, uses };
    let mut findings = guard.findings();
    let unread = unread.iter().filter(|path| is_ours(path));
    let message = "cannot parse the file as Rust: the migrations that it declares are unknown";
    findings.extend(unread.map(|path| Finding::new(UNREAD, Level::Warning, path, message)));
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// Whether Cargo builds the file only for tests, benchmarks or examples: these folders are beside `src`.
fn is_of_tests(path: &Path) -> bool {
    const FOLDERS: [&str; 3] = ["tests", "benches", "examples"];
    let is_apart = |folder: &Path| {
        let is_named = folder.file_name().is_some_and(|name| FOLDERS.iter().any(|known| name == *known));
        is_named && parent_dir(folder).join("Cargo.toml").is_file()
    };
    path.ancestors().skip(1).any(is_apart)
}

fn unreadable_state(path: &Path, failure: Failure) -> Failure {
    Failure::io(format!("cannot read the present stages: {}", failure.without_help()))
        .with_help(format!("{} must be the file that programs read their stages from", path.display()))
}

/// Returns the paths of the files above the declaration. A file of another folder is above it too.
fn paths_above(file: &Path, against: &Path) -> Result<Vec<std::path::PathBuf>> {
    let is_same =
        |one: &Path, other: &Path| one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|it| it == one));
    if is_same(file, against) {
        return Ok(Vec::new());
    }
    let name = against.file_name().unwrap_or_default().to_string_lossy();
    let env = environment_of(file, &name).filter(|_| is_same(&parent_dir(file), &parent_dir(against)));
    let mut paths = env.map_or(Ok(Vec::new()), |env| lower_files(file, &env))?;
    paths.push(against.to_owned());
    Ok(paths)
}

impl Guard<'_> {
    fn findings(&self) -> Vec<Finding> {
        let documents = [self.declared].into_iter().chain(&self.above);
        let is_migration = |document: &Document, key: &FlagKey| {
            document.load.flags().get(key.as_str()).is_some_and(Flag::is_migration)
        };
        let declared = documents.flat_map(|document| document.keys().filter(move |key| is_migration(document, key)));
        let used = self.uses.iter().map(|used| used.key.as_str());
        let keys: BTreeSet<&str> = declared.map(FlagKey::as_str).chain(used).collect();
        keys.into_iter().flat_map(|key| self.check(key)).collect()
    }

    fn check(&self, key: &str) -> Vec<Finding> {
        let uses: Vec<&Use> = self.uses.iter().filter(|used| used.key == key).collect();
        let (flags, problems) = self.present(key);
        if !problems.is_empty() {
            return problems;
        }
        let Some(present) = flags else {
            return uses.into_iter().map(|used| self.undeclared(used)).collect();
        };
        if uses.is_empty() {
            return self.without_code(key, present).into_iter().collect();
        }
        let checked = uses
            .into_iter()
            .flat_map(|used| [self.range(used, present), self.embedded(used, present), conditional(used)]);
        checked.flatten().collect()
    }

    /// Returns the present progress of a migration, or why it is unknown. `None`: no file declares it.
    fn present(&self, key: &str) -> (Option<Progress>, Vec<Finding>) {
        let states_above = self.above.iter().any(|document| stated_stage(document, key).is_some());
        // The build may embed a stage that does not fit; that is a finding of its own, and no problem of the files.
        let declared = if states_above { without_stage(self.declared, key) } else { self.declared.clone() };
        let layered = Layered::of([&declared].into_iter().chain(&self.above));
        let about = layered.problems.iter().filter(|(_, problem)| is_about(problem.path(), key));
        let problems = about.map(|(path, problem)| problem_finding(path, problem).of(key)).collect();
        (Progress::of(layered.snapshot().flag(key)), problems)
    }

    /// Checks that the build has code for the present stages.
    fn range(&self, used: &Use, present: Progress) -> Option<Finding> {
        let (key, range) = (&used.key, used.range()?);
        if present.stages().into_iter().all(|stage| range.contains(stage)) {
            return None;
        }
        let [first, last] = range.stages();
        let (path, is) = (self.state_path(), range.as_str());
        let message =
            format!("{key} is at {present} in {path}, and this build has code for {first} to {last} (`range = {is}`)");
        let help = if range.is_contracted {
            "deploy a build with `range = Full` until every instance is at stage complete"
        } else {
            "deploy a build with `range = Contracted`: the old data may be gone"
        };
        let finding = Finding::new(BUILD_RANGE, Level::Error, &used.path, message).of(key);
        Some(finding.at(used.line, used.column).with_help(help))
    }

    /// Checks that the embedded stage may coexist with the present ones.
    fn embedded(&self, used: &Use, present: Progress) -> Option<Finding> {
        let key = &used.key;
        let start = used.range().and_then(|range| range.start);
        let embedded = start.or_else(|| stated_stage(self.declared, key))?;
        if present.stages().into_iter().all(|stage| stage.is_adjacent_to(embedded)) {
            return None;
        }
        let message = format!(
            "this build starts {key} at {embedded} until its sources respond, more than one step from {present} in {}",
            self.state_path()
        );
        let (path, stage) = (&self.declared.path, present.stage);
        let (finding, help) = if start.is_some() {
            let finding = Finding::new(EMBEDDED_STAGE, Level::Error, &used.path, message).at(used.line, used.column);
            (finding, format!("build it with `start = {stage:?}`"))
        } else {
            let finding = Locations::of(self.declared).finding(EMBEDDED_STAGE, Level::Error, path, key, message);
            // `check --base` rejects a stage that is written into the file without its steps.
            let path = path.display();
            (finding, format!("build it with `start = {stage:?}` in `migration!`, or without a stage in {path}"))
        };
        Some(finding.of(key).with_help(help))
    }

    /// Reports a migration that the build has no code for, although both sides are in use.
    fn without_code(&self, key: &str, present: Progress) -> Option<Finding> {
        // Without `migration!`, a build uses the old side only, as at `off`, or the new one only, as at the end.
        if present == Progress::OFF || present == Progress::at(Stage::Contracted) {
            return None;
        }
        let path = self.state_path();
        let message = format!("{key} is at {present} in {path}, and this build has no `migration!` of it");
        let finding = if self.declared.load.flags().contains(key) {
            let path = &self.declared.path;
            Locations::of(self.declared).finding(BUILD_RANGE, Level::Error, path, key, message)
        } else {
            Finding::new(BUILD_RANGE, Level::Error, &self.declared.path, message).of(key)
        };
        let help = "deploy a build that declares it, or take the migration back to off first";
        Some(finding.with_help(help))
    }

    /// Reports a use of a migration that no file declares, so that its stage is unknown.
    fn undeclared(&self, used: &Use) -> Finding {
        let (key, path) = (&used.key, self.state_path());
        let message = format!("neither {} nor {path} declares the migration {key}", self.declared.path.display());
        let keys = self.declared.keys().map(FlagKey::as_str);
        let help = match nearest(key, keys) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write `[flags.{key}]` with `kind = \"migration\"`"),
        };
        let finding = Finding::new(BUILD_RANGE, Level::Error, &used.path, message).of(key);
        finding.at(used.line, used.column).with_help(help)
    }

    /// The file with the present stages, for messages.
    fn state_path(&self) -> std::path::Display<'_> {
        self.above.last().unwrap_or(self.declared).path.display()
    }
}

/// Reports code that only some builds have.
fn conditional(used: &Use) -> Option<Finding> {
    used.range().filter(|range| range.is_conditional)?;
    let message = format!("a `cfg` decides whether the build has code for {}", used.key);
    let finding = Finding::new(BUILD_RANGE, Level::Warning, &used.path, message).of(&used.key);
    Some(
        finding.at(used.line, used.column).with_help("check that this build has it, or declare it without a condition"),
    )
}

/// Returns the stage that a document states.
fn stated_stage(document: &Document, key: &str) -> Option<Stage> {
    let raw = document_to_json(document.format(), &document.text);
    raw.get("flags")?.get(key)?.get("stage").and_then(Value::as_str)?.parse().ok()
}

/// Returns a document in which a migration has no stage, so that another file states it.
fn without_stage(document: &Document, key: &str) -> Document {
    let mut document = document.clone();
    let mut flags: FlagSet = document.load.flags().clone();
    if let (Some(flag), Ok(name)) = (flags.get(key).filter(|flag| flag.is_migration()), FlagKey::new(key)) {
        let unstated = Flag::migration().with_rollout(flag.rollout());
        let unstated = flag.partition().into_iter().fold(unstated, Flag::with_bucket_by);
        let unstated = flag.salt().into_iter().fold(unstated, Flag::with_salt);
        flags.insert(name, unstated);
        let problems = document.load.problems().to_vec();
        document.load = Load::new(flags).with_problems(problems);
    }
    document
}
