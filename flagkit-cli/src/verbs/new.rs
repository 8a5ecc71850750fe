//! A new flag, dark.

use std::fmt::Write as _;
use std::path::Path;

use clap::ValueEnum as _;
use flagkit_core::{FlagKey, FoldedKey};
use jiff::Timestamp;
use serde_json::json;
use strsim::damerau_levenshtein;

use crate::cli::MetadataArgs;
use crate::outcome::{Exit, Failure, Report, Result};
use crate::project::Document;
use crate::write::Writer;

pub(crate) fn run(file: &Path, name: &str, metadata: &MetadataArgs, dry_run: bool) -> Result {
    let key = FlagKey::new(name).map_err(|error| Failure::usage(format!("{name:?}: {error}")))?;
    let document = Document::read(file)?;
    let keys = document.load.flags().keys();
    if let Some(near) = keys.map(FlagKey::as_str).find(|known| is_near(known, name)) {
        let failure = Failure::new(Exit::Conflict, format!("{near} is declared already"));
        return Err(if near == name { failure } else { failure.with_help(format!("{name} would be taken for it")) });
    }
    let entry = entry(&key, metadata);
    let end = if document.text.is_empty() || document.text.ends_with('\n') { "" } else { "\n" };
    let text = format!("{}{end}\n{entry}", document.text);
    // What is made must be understood.
    Document::understand(file, text.clone().into_bytes())?;
    if !dry_run {
        Writer::new(file)?.replace(Some(&document.digest()), &text)?;
    }
    let rust = format!("if flag!(\"{key}\") {{ }}");
    let verb = if dry_run { "would add to" } else { "added to" };
    let shown =
        format!("{verb} {}:\n\n{entry}\nDark until `flagkit go {key}`. To paste:\n\n    {rust}\n", file.display());
    Ok(Report::new(shown, json!({ "flag": key.as_str(), "entry": entry, "rust": rust, "written": !dry_run })))
}

fn entry(key: &FlagKey, metadata: &MetadataArgs) -> String {
    // A text of JSON without control characters is one of TOML.
    let text = |text: &str| serde_json::Value::from(text.replace(|c: char| c.is_control(), " ")).to_string();
    let quoted = if key.as_str().contains('.') { format!("\"{key}\"") } else { key.to_string() };
    let mut entry = format!("[flags.{quoted}]\non = false\n");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(entry, "{name} = {value}");
    };
    let MetadataArgs { description, owner, kind, expires } = metadata;
    for (name, value) in [("description", description), ("owner", owner)] {
        if let Some(value) = value {
            line(name, text(value));
        }
    }
    if let Some(kind) = kind.and_then(|kind| kind.to_possible_value()) {
        line("kind", text(kind.get_name()));
    }
    line("created", Timestamp::now().strftime("%Y-%m-%d").to_string());
    if let Some(day) = expires {
        line("expires", day.to_string());
    }
    entry
}

/// Names that people, or environment variables, would take for each other.
pub(crate) fn is_near(a: &str, b: &str) -> bool {
    let folded = |text: &str| FlagKey::new(text).map(|key| FoldedKey::from_key(&key).as_str().to_owned());
    let (Ok(a), Ok(b)) = (folded(a), folded(b)) else { return a == b };
    // Numbers at the end are versions, and meant to differ by one.
    let letters = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let differ_by_number = letters(&a) == letters(&b);
    a == b || (!differ_by_number && a.len().min(b.len()) >= 5 && damerau_levenshtein(&a, &b) <= 1)
}
