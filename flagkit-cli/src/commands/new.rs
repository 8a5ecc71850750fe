//! A new flag, dark.

use std::path::Path;

use clap::ValueEnum as _;
use flagkit_core::FlagKey;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::MetadataArgs;
use crate::edit;
use crate::names::is_near;
use crate::project::Document;
use crate::report::{Exit, Failure, Report, Result};
use crate::write::Writer;

pub(crate) fn run(file: &Path, name: &str, metadata: &MetadataArgs, dry_run: bool) -> Result {
    let key = FlagKey::new(name).map_err(|error| Failure::usage(format!("{name:?}: {error}")))?;
    let document = Document::read(file)?;
    let keys = document.load.flags().keys();
    if let Some(near) = keys.map(FlagKey::as_str).find(|known| is_near(known, name)) {
        let failure = Failure::new(Exit::Conflict, format!("{near} is declared already"));
        return Err(if near == name { failure } else { failure.with_help(format!("{name} would be taken for it")) });
    }
    let (text, entry) = edit::declare(document.format(), &document.text, &key, &fields(metadata))?;
    // What is made must be understood.
    Document::understand(file, text.clone().into_bytes())?;
    if !dry_run {
        Writer::new(file)?.replace(document.digest().as_deref(), &text)?;
    }
    let rust = format!("if flag!(\"{key}\") {{ }}");
    let verb = if dry_run { "would add to" } else { "added to" };
    let shown =
        format!("{verb} {}:\n\n{entry}\nDark until `flagkit go {key}`. To paste:\n\n    {rust}\n", file.display());
    Ok(Report::new(shown, json!({ "flag": key.as_str(), "entry": entry, "rust": rust, "written": !dry_run })))
}

/// What is written of a new flag.
fn fields(metadata: &MetadataArgs) -> Vec<(&'static str, Value)> {
    let MetadataArgs { description, owner, kind, expires } = metadata;
    let text = |text: &String| Value::from(text.replace(|c: char| c.is_control(), " "));
    let kind = kind.and_then(|kind| kind.to_possible_value()).map(|kind| kind.get_name().into());
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let fields = [
        ("on", Some(false.into())),
        ("description", description.as_ref().map(text)),
        ("owner", owner.as_ref().map(text)),
        ("kind", kind),
        ("created", Some(today.into())),
        ("expires", expires.map(|day| day.to_string().into())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
