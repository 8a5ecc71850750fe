//! Variables that override flags, in files that start programs and in the environment of this command.

use std::fs;
use std::path::{Path, PathBuf};

use flagkit_core::source::{EnvKey, Stage};
use flagkit_core::{Flag, FlagKey};
use ignore::WalkBuilder;

use crate::command_line::CommandLine;
use crate::findings::{Finding, Level};
use crate::overrides::{
    Assignment, Override, OverrideProblem, PREFIX, assignments, in_process, is_deployment_file, read_value, undeclared,
};
use crate::progress::Progress;
use crate::project::{Document, Project};
use crate::roots::Roots;
use crate::state::State;

/// The name of all findings here. A flag can allow it.
const OVERRIDE: &str = "override";
/// The longest file that is searched. A longer one is data, and no manifest.
const MAX_LEN: u64 = 1 << 20;

/// Hidden folders that belong to a version control system or to this command. Others configure programs.
const OWN_FOLDERS: [&str; 5] = [".git", ".flagkit", ".hg", ".jj", ".svn"];

/// Reports variables that turn a declared flag on, and variables that override no flag or have an invalid value.
pub(super) fn check_overrides(roots: &Roots, document: &Document, projects: &[Project], findings: &mut Vec<Finding>) {
    for name in in_process(PREFIX) {
        let value = std::env::var(&name).unwrap_or_default();
        let problem = undeclared(PREFIX, &name, document.keys()).or_else(|| match read_value(&name, &value) {
            Err(problem) => Some(problem),
            Ok(to) => wrong_kind(document, &name, to?),
        });
        findings.extend(problem.map(|problem| finding(Level::Warning, &document.path, problem)));
    }
    for path in deployment_files(roots) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for assignment in assignments(&text) {
            findings.extend(check_assignment(&path, &assignment, document, projects));
        }
    }
}

fn finding(level: Level, path: &Path, OverrideProblem { message, help }: OverrideProblem) -> Finding {
    help.into_iter().fold(Finding::new(OVERRIDE, level, path, message), Finding::with_help)
}

fn check_assignment(path: &Path, it: &Assignment<'_>, document: &Document, projects: &[Project]) -> Option<Finding> {
    let at = |finding: Finding| finding.at(it.line, it.column);
    if let Some(problem) = undeclared(PREFIX, it.name, document.keys()) {
        return Some(at(finding(Level::Warning, path, problem)));
    }
    let key = EnvKey::new(it.name.strip_prefix(PREFIX)?).ok()?;
    let key = document.keys().map(FlagKey::as_str).find(|declared| key.matches(declared))?;
    let is_migration = document.load.flags().get(key).is_some_and(Flag::is_migration);
    let to = match read_value(it.name, it.value) {
        Err(problem) => return Some(at(finding(Level::Warning, path, problem)).of(key)),
        Ok(to) => to?,
    };
    if let Some(problem) = wrong_kind(document, it.name, to) {
        return Some(at(finding(Level::Warning, path, problem)).of(key));
    }
    match to {
        Override::State(State::Off) if is_migration => stage_finding(path, it, document, projects, (key, Stage::Off)),
        Override::Stage(stage) if is_migration => stage_finding(path, it, document, projects, (key, stage)),
        Override::State(to) if to == State::Off || is_at_least(document, projects, key, to) => None,
        to => {
            let message = format!("{} sets {key} to {to} for the programs that it starts, past gate and log", it.name);
            let help = format!(
                "remove it, and widen the flag with `{}`; or state the reason: `allow = {{ override = \"reason\" }}`",
                CommandLine::new(&document.path, None, &["go", key])
            );
            Some(at(Finding::new(OVERRIDE, Level::Error, path, message)).of(key).with_help(help))
        }
    }
}

/// Returns the problem of a stage for a flag that is no migration, or of a switch for a migration.
fn wrong_kind(document: &Document, name: &str, to: Override) -> Option<OverrideProblem> {
    let key = EnvKey::new(name.strip_prefix(PREFIX)?).ok()?;
    let key = document.keys().map(FlagKey::as_str).find(|declared| key.matches(declared))?;
    let is_migration = document.load.flags().get(key)?.is_migration();
    // `off` is a word for both.
    if to == Override::State(State::Off) || is_migration == matches!(to, Override::Stage(_)) {
        return None;
    }
    let (is, takes) = if is_migration { ("a", "a stage") } else { ("no", "a switch or a percentage") };
    let message = format!("programs reject {name}: {key} is {is} migration, and takes {takes}");
    Some(OverrideProblem { message, help: None })
}

/// The finding for a variable that sets the stage of a migration to another one than the files state.
///
/// Also an earlier stage is one: programs with the variable and others would be at stages that must not coexist.
fn stage_finding(
    path: &Path,
    it: &Assignment<'_>,
    document: &Document,
    projects: &[Project],
    (key, stage): (&str, Stage),
) -> Option<Finding> {
    let declared = Project::new(document.clone());
    let mut snapshots = [&declared].into_iter().chain(projects).map(|project| project.flags().snapshot());
    let is_there = snapshots.all(|snapshot| Progress::of(snapshot.flag(key)) == Some(Progress::at(stage)));
    let message = format!("{} sets {key} to stage {stage} for the programs that it starts, past gate and log", it.name);
    let advance = CommandLine::new(&document.path, None, &["migrate", key, "advance"]);
    let help = format!("remove it, and move the migration with `{advance}`");
    let finding = Finding::new(OVERRIDE, Level::Error, path, message).of(key).at(it.line, it.column).with_help(help);
    (!is_there).then_some(finding)
}

/// Whether everyone who would see the flag by a variable sees it without the variable too, in every environment.
fn is_at_least(document: &Document, projects: &[Project], key: &str, to: State) -> bool {
    let declared = Project::new(document.clone());
    [&declared].into_iter().chain(projects).all(|project| {
        let snapshot = project.flags().snapshot();
        let flag = snapshot.flag(key);
        let is_plain = |flag: &Flag| flag.rules().is_empty() && flag.prerequisites().is_empty();
        State::of(flag) >= to && flag.is_some_and(is_plain)
    })
}

/// The files that may start programs with variables, below the folder of the project.
fn deployment_files(roots: &Roots) -> Vec<PathBuf> {
    let owner = roots.clone();
    let is_ours = move |entry: &ignore::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        match entry.file_type() {
            _ if entry.depth() == 0 => true,
            Some(kind) if kind.is_dir() => !OWN_FOLDERS.contains(&&*name) && !owner.is_foreign(entry.path()),
            _ => is_deployment_file(&name),
        }
    };
    // `.env` is hidden. One that git ignores belongs to one machine.
    let walk = WalkBuilder::new(&roots.project).hidden(false).filter_entry(is_ours).build();
    let is_short =
        |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_LEN);
    let files = walk.flatten().map(ignore::DirEntry::into_path).filter(is_short);
    let mut files: Vec<PathBuf> = files.map(|path| roots.shown(&path)).collect();
    files.sort();
    files
}
