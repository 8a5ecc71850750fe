//! Variables that override flags, in files that start programs and in the environment of this command.

use std::fs;
use std::path::{Path, PathBuf};

use flagkit_core::source::EnvKey;
use flagkit_core::{Flag, FlagKey};
use ignore::WalkBuilder;

use crate::command_line::CommandLine;
use crate::findings::{Finding, Level};
use crate::overrides::{
    Assignment, OverrideProblem, PREFIX, assignments, in_process, is_deployment_file, state, undeclared,
};
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
        let problem = undeclared(PREFIX, &name, document.keys()).or_else(|| state(&name, &value).err());
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
    match state(it.name, it.value) {
        Err(problem) => Some(at(finding(Level::Warning, path, problem)).of(key)),
        Ok(None | Some(State::Off)) => None,
        Ok(Some(to)) if is_at_least(document, projects, key, to) => None,
        Ok(Some(to)) => {
            let message = format!("{} sets {key} to {to} for the programs that it starts, past gate and log", it.name);
            let help = format!(
                "remove it, and widen the flag with `{}`; or state the reason: `allow = {{ override = \"reason\" }}`",
                CommandLine::new(&document.path, None, &["go", key])
            );
            Some(at(Finding::new(OVERRIDE, Level::Error, path, message)).of(key).with_help(help))
        }
    }
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
