//! `diff`: the effect of the changes between two documents.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use flagkit_core::Snapshot;
use flagkit_core::tooling::Effect;
use serde_json::json;

use super::exit_of;
use crate::difference::Difference;
use crate::environment::{environment_of, existing_file, is_layer_above};
use crate::file::parent_dir;
use crate::git::{Repository, Revision};
use crate::project::{Document, Layered, empty};
use crate::report::{Failure, Report, Result};
use crate::subject::{CliSubject, LineError, SubjectLine};
use crate::terminal::{BAD, BOLD, Table, effect, styled};

/// The options of `diff`.
pub(crate) struct DiffArgs {
    pub(crate) deny_widening: bool,
    pub(crate) env: Option<String>,
    pub(crate) population: Option<PathBuf>,
}

pub(crate) fn run(file: &Path, sides: [&str; 2], args: &DiffArgs) -> Result {
    let [before, after] = sides.map(|side| documents(file, side, args.env.as_deref()));
    let sides = [before?, after?];
    if let Some(env) = args.env.as_ref().filter(|_| sides.iter().all(|documents| documents.len() == 1)) {
        existing_file(file, env)?;
    }
    let [before, after] = sides.map(|documents| Layered::of(&documents).snapshot());
    let differences = Difference::between(&before, &after);
    let subjects = args.population.as_deref().map(read_population).transpose()?;
    let [newly, no_longer] = if subjects.is_some() { ["newly", "no longer"] } else { ["", ""] };
    let mut table = Table::new(["", "flag", "before", "after", newly, no_longer]);
    let mut rows = Vec::new();
    for difference in &differences {
        let key = difference.key.as_str();
        let counts = subjects.as_ref().map(|subjects| count(key, [&before, &after], subjects));
        let cell = |count: Option<usize>| count.map(|count| count.to_string()).unwrap_or_default();
        let [newly, no_longer] = [counts.map(|counts| counts[0]), counts.map(|counts| counts[1])];
        table.push([
            if difference.skips_a_stage() { styled(BAD, "skips") } else { effect(difference.effect) },
            styled(BOLD, key),
            difference.before.clone(),
            difference.shown_after(),
            cell(newly),
            cell(no_longer),
        ]);
        let mut row = difference.to_json();
        row["newly"] = newly.into();
        row["no_longer"] = no_longer.into();
        rows.push(row);
    }
    let widens = differences.iter().any(|difference| difference.effect == Effect::Widens);
    let mut text = if rows.is_empty() { "no differences\n".to_owned() } else { table.render() };
    if let Some(subjects) = &subjects {
        let _ = writeln!(text, "out of {} subjects", subjects.len());
    }
    let exit = exit_of(args.deny_widening && widens);
    Ok(Report::new(text, json!({ "flags": rows, "widens": widens })).with_exit(exit))
}

/// Reads one side: a file or the flag file at a git revision, and the files of the environment above it.
///
/// A file without environments of its own is compared under the environment of the flag file.
fn documents(file: &Path, side: &str, env: Option<&str>) -> Result<Vec<Document>> {
    if let Some(path) = path_of(file, side) {
        let own = layers(&path, env, names_beside(&path));
        let layers = if own.is_empty() { layers(file, env, names_beside(file)) } else { own };
        return [path].iter().chain(&layers).map(|path| Document::read(path)).collect();
    }
    let path = Path::new(side);
    match at_revision(file, side, env) {
        // An argument with the extension of a flag file is the name of a file.
        Err(_) if path.extension().is_some_and(|extension| extension == "toml" || extension == "json") => {
            Err(Failure::io(format!("cannot read {side}: no such file or revision")))
        }
        other => other,
    }
}

fn at_revision(file: &Path, side: &str, env: Option<&str>) -> Result<Vec<Document>> {
    let unknown = |failure: Failure| {
        let message = format!("cannot read {side}: no such file or revision");
        Failure::new(failure.exit, message).with_details([failure.to_string()])
    };
    let revision = Revision::resolve(Repository::of(file).map_err(unknown)?, side)?;
    let document = |path: &Path| {
        let document = revision.document(path)?;
        document.map_or_else(|| Document::parse_or_fail(path, empty(path).into()), Ok)
    };
    let layers = layers(file, env, revision.names_beside(file)?);
    [file.to_owned()].iter().chain(&layers).map(|path| document(path)).collect()
}

/// Returns the paths of the files of an environment among these names, lowest layer first.
fn layers(file: &Path, env: Option<&str>, names: Vec<String>) -> Vec<PathBuf> {
    let Some(env) = env else { return Vec::new() };
    let mut layers: Vec<(String, String)> =
        names.into_iter().filter_map(|name| Some((environment_of(file, &name)?, name))).collect();
    layers.retain(|(layer, _)| layer == env || is_layer_above(env, layer));
    layers.sort();
    layers.into_iter().map(|(_, name)| file.with_file_name(name)).collect()
}

/// Returns the path of a side that is a file. The name of the flag file stands for it also in a folder below it.
fn path_of(file: &Path, side: &str) -> Option<PathBuf> {
    let path = Path::new(side);
    if path.exists() {
        return (!path.is_dir()).then(|| path.to_owned());
    }
    (file.exists() && file.file_name() == Some(path.as_os_str())).then(|| file.to_owned())
}

/// Returns the names of the files beside a file.
fn names_beside(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(parent_dir(path)).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn read_population(path: &Path) -> Result<Vec<CliSubject>> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::io(format!("cannot read {}: {error}", path.display())))?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(number, line)| {
        SubjectLine::parse(line).map(|line| line.subject).map_err(|LineError { column, message }| {
            Failure::usage(format!("{}:{number}:{column}: {message}", path.display())).with_help(
                "write one subject per line, such as {\"id\": \"u1\", \"attributes\": {\"country\": \"PT\"}}",
            )
        })
    });
    parsed.collect()
}

/// Counts the subjects that gain the flag or another variant of it, and the subjects that lose what they had.
fn count(key: &str, [before, after]: [&Snapshot; 2], subjects: &[CliSubject]) -> [usize; 2] {
    let sees = |snapshot: &Snapshot, subject: &CliSubject| {
        snapshot.is_on(key, subject).then(|| snapshot.variant(key, subject).map(|variant| variant.name().to_owned()))
    };
    let mut counts = [0, 0];
    for subject in subjects {
        let (old, new) = (sees(before, subject), sees(after, subject));
        counts[0] += usize::from(new.is_some() && new != old);
        counts[1] += usize::from(old.is_some() && new != old);
    }
    counts
}
