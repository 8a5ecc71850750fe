//! `diff`: the effect of the changes between two documents.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use flagkit_core::Snapshot;
use flagkit_core::tooling::Effect;
use serde_json::json;

use super::exit_of;
use crate::difference::Difference;
use crate::git;
use crate::project::{Document, Layered};
use crate::report::{Failure, Report, Result};
use crate::subject::CliSubject;
use crate::terminal::{BOLD, Table, effect, styled};

pub(crate) fn run(file: &Path, sides: [&str; 2], deny_widening: bool, population: Option<&Path>) -> Result {
    let [before, after] = sides.map(|side| document(file, side));
    let [before, after] = [before?, after?].map(|document| Layered::of([&document]).snapshot());
    let differences = Difference::between(&before, &after);
    let subjects = population.map(read_population).transpose()?;
    let [newly, no_longer] = if subjects.is_some() { ["newly", "no longer"] } else { ["", ""] };
    let mut table = Table::new(["", "flag", "before", "after", newly, no_longer]);
    let mut rows = Vec::new();
    for difference in &differences {
        let key = difference.key.as_str();
        let counts = subjects.as_ref().map(|subjects| count(key, [&before, &after], subjects));
        let cell = |count: Option<usize>| count.map(|count| count.to_string()).unwrap_or_default();
        let [newly, no_longer] = [counts.map(|counts| counts[0]), counts.map(|counts| counts[1])];
        table.push([
            effect(difference.effect),
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
    let exit = exit_of(deny_widening && widens);
    Ok(Report::new(text, json!({ "flags": rows, "widens": widens })).with_exit(exit))
}

/// Reads a file of that name, or else the flag file at that git revision.
fn document(file: &Path, side: &str) -> Result<Document> {
    let path = Path::new(side);
    if path.exists() && !path.is_dir() {
        return Document::read(path);
    }
    match git::document_at(side, file) {
        // An argument with the extension of a flag file is the name of a file.
        Err(_) if path.extension().is_some_and(|extension| extension == "toml" || extension == "json") => {
            Err(Failure::io(format!("cannot read {side}: no such file or revision")))
        }
        other => other,
    }
}

fn read_population(path: &Path) -> Result<Vec<CliSubject>> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::io(format!("cannot read {}: {error}", path.display())))?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(number, line)| {
        serde_json::from_str(line).map_err(|error| {
            Failure::usage(format!("{}:{number}: {error}", path.display())).with_help(
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
