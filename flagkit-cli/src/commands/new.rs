//! `new`: declares a flag that is off.

use std::path::Path;

use clap::ValueEnum as _;
use flagkit_core::FlagKey;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::build_range::static_name;
use crate::cli::{KindArg, MetadataArgs};
use crate::command_line::CommandLine;
use crate::edit;
use crate::names::is_similar;
use crate::project::{Document, live_environment};
use crate::report::{Exit, Failure, Report, Result};
use crate::write::Writer;

pub(crate) fn run(file: &Path, name: &str, metadata: &MetadataArgs, dry_run: bool) -> Result {
    let key = FlagKey::new(name).map_err(|error| Failure::usage(format!("cannot declare {name:?}: {error}")))?;
    let document = Document::read(file)?;
    let keys = document.load.flags().keys();
    if let Some(near) = keys.map(FlagKey::as_str).find(|known| is_similar(known, name)) {
        let failure = Failure::new(Exit::Conflict, format!("{near} is already declared"));
        return Err(if near == name {
            failure
        } else {
            failure.with_help(format!("{name} is easy to confuse with it"))
        });
    }
    if let Some((env, path, state)) = live_environment(file, name)? {
        let message = format!("cannot declare {name}: {} has a state of it already ({state})", path.display());
        let revert = CommandLine::new(file, Some(&env), &["revert", name]);
        return Err(Failure::new(Exit::Conflict, message).with_help(format!("turn it off there first: `{revert}`")));
    }
    let is_migration = matches!(metadata.kind, Some(KindArg::Migration));
    let comment = format!("`flagkit migrate {name} status` shows its stage, and what the next one requires.");
    let comment = is_migration.then_some(comment);
    let (text, entry) = edit::declare(document.format(), &document.text, &key, comment.as_deref(), &fields(metadata))?;
    // The new text must parse.
    Document::parse_or_fail(file, text.clone().into_bytes())?;
    if !dry_run {
        Writer::new(file)?.replace(document.digest().as_deref(), &text)?;
    }
    let (rust, next) = if is_migration {
        let advance = CommandLine::new(file, None, &["migrate", key.as_str(), "advance"]);
        let rust = format!("migration! {{ pub static {}: \"{key}\", range = Full }}", static_name(name));
        (rust, format!("The migration is at stage off until `{advance}`. To plan each read and write:"))
    } else {
        let go = CommandLine::new(file, None, &["go", name]);
        (format!("if flag!(\"{key}\") {{ }}"), format!("The flag is off until `{go}`. To read it:"))
    };
    let added = if dry_run { "would add to" } else { "added to" };
    let text = format!("{added} {}:\n\n{entry}\n{next}\n\n    {rust}\n", file.display());
    Ok(Report::new(text, json!({ "flag": key.as_str(), "entry": entry, "rust": rust, "written": !dry_run })))
}

/// The fields of a new flag.
fn fields(metadata: &MetadataArgs) -> Vec<(&'static str, Value)> {
    let MetadataArgs { description, owner, kind, expires } = metadata;
    let text = |text: &String| Value::from(text.replace(|c: char| c.is_control(), " "));
    let is_migration = matches!(kind, Some(KindArg::Migration));
    let kind = kind.and_then(|kind| kind.to_possible_value()).map(|kind| kind.get_name().into());
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let fields = [
        ("on", (!is_migration).then(|| false.into())),
        ("description", description.as_ref().map(text)),
        ("owner", owner.as_ref().map(text)),
        ("kind", kind),
        ("created", Some(today.into())),
        ("expires", expires.map(|day| day.to_string().into())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
