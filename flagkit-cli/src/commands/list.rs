//! `list`: all flags, one per line.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::source::Stage;
use flagkit_core::tooling::SourceState;
use flagkit_core::{Flag, Snapshot, Status, Variants};
use serde_json::json;

use super::show::is_about;
use crate::cli::Sources;
use crate::progress::Progress;
use crate::report::{Detail, Report, Result};
use crate::sources::{Loaded, Verified, load};
use crate::state::{State, logged, summary};
use crate::terminal::{BAD, BOLD, DIM, GOOD, Table, WARN, escape_control_chars, styled};

pub(crate) fn run(file: &Path, sources: &Sources) -> Result {
    let Loaded { snapshot, status, verified } = load(sources, file)?;
    let mut keys: Vec<&str> = snapshot.keys().map(flagkit_core::FlagKey::as_str).collect();
    keys.sort_unstable();
    let layers: Vec<String> = status.sources.iter().map(|source| source.provenance.to_string()).collect();
    // Layers are numbered from the lowest, because names of files are long.
    let layer_of = |key: &str| layer_of(&snapshot, key).and_then(|layer| layers.iter().position(|one| *one == layer));
    let in_use: BTreeSet<usize> = keys.iter().filter_map(|key| layer_of(key)).collect();
    let mut columns = [const { Vec::new() }; 6];
    let mut rows = Vec::new();
    for key in &keys {
        // A program that starts now would keep the stage of the layer that it reads first.
        let is_disputed = |flag: &Flag| flag.is_migration() && has_problem(&status, key);
        let refused = verified.as_ref().filter(|verified| verified.refusals.contains_key(*key));
        let flag = refused.map_or(&snapshot, |verified| &verified.stated).flag(key).filter(|flag| !is_disputed(flag));
        let metadata = flag.and_then(Flag::metadata);
        let kind = metadata.and_then(|metadata| metadata.kind).map(|kind| kind.as_str().to_owned());
        let owner = metadata.and_then(|metadata| metadata.owner.as_deref()).map(str::to_owned);
        let expires = metadata.and_then(|metadata| metadata.expires).map(|day| day.to_string());
        let layer = layer_of(key);
        columns[0].push(Some(styled(BOLD, key)));
        columns[1].push(Some(refused.map_or_else(|| coloured(flag), |_| unapproved(flag))));
        columns[2].push(kind.clone());
        columns[3].push(owner.as_deref().map(escape_control_chars));
        columns[4].push(expires.clone());
        columns[5].push(layer.filter(|_| in_use.len() > 1).map(|layer| (layer + 1).to_string()));
        let mut row = json!({
            "flag": key, "state": flag.map(|flag| logged(Some(flag))),
            "stage": flag.and_then(Flag::stage).map(Stage::as_str), "partition": flag.and_then(Flag::partition),
            "rules": flag.map(|flag| flag.rules().len()), "variants": flag.and_then(Flag::variants).map(names),
            "kind": kind, "owner": owner, "expires": expires, "layer": layer.map(|layer| &layers[layer]),
        });
        if let Some(verified) = &verified {
            row["refusal"] = verified.refusals.get(*key).map(String::as_str).into();
        }
        rows.push(row);
    }
    let mut text = if keys.is_empty() { "no flags\n".to_owned() } else { Table::of(HEADER, columns).render() };
    let legend: Vec<String> = match in_use.len() {
        0 | 1 => in_use.iter().map(|layer| format!("all from {}", layers[*layer])).collect(),
        _ => in_use.iter().map(|layer| format!("layer {}: {}", layer + 1, layers[*layer])).collect(),
    };
    for line in legend {
        let _ = writeln!(text, "{}", styled(DIM, line));
    }
    text += &verified.as_ref().map(refusals).unwrap_or_default();
    text += &problems(&status);
    let warnings: Vec<&str> = status.sources.iter().flat_map(|source| source.warnings.iter().map(|it| &**it)).collect();
    let mut data = json!({ "flags": rows, "warnings": warnings });
    if let Some(verified) = verified {
        data["approvers"] = json!(verified.list);
    }
    Ok(Report::new(text, data))
}

/// The summary of a flag that is not approved, so that programs keep it dark.
pub(crate) fn unapproved(flag: Option<&Flag>) -> String {
    styled(BAD, format!("{}, not approved", summary(flag)))
}

/// The list of approvers, and why flags are not approved.
fn refusals(verified: &Verified) -> String {
    let mut text = format!("{}\n", styled(DIM, format!("verified with {}", verified.list.display())));
    for (key, reason) in &verified.refusals {
        let _ = writeln!(text, "{} {key}: {}", styled(BAD, "not approved"), escape_control_chars(reason));
    }
    text
}

/// The problems and warnings of the sources, one per line.
fn problems(status: &Status) -> String {
    let mut text = String::new();
    for source in &status.sources {
        for problem in &source.problems {
            let path = source.provenance.as_str();
            let path = path.strip_prefix("file:").unwrap_or(path);
            let _ = writeln!(text, "{} {}", styled(BAD, "problem"), Detail::of(path, problem));
        }
        for warning in source.warnings.iter() {
            let _ = writeln!(text, "{} {}: {warning}", styled(WARN, "warning"), source.provenance);
        }
        if source.state == SourceState::Stale {
            let _ = writeln!(text, "{} {} is stale", styled(WARN, "warning"), source.provenance);
        }
    }
    text
}

/// The columns of the table. Empty ones are left out.
const HEADER: [&str; 6] = ["flag", "state", "kind", "owner", "expires", "layer"];

/// Whether a source has a problem with a flag.
fn has_problem(status: &Status, key: &str) -> bool {
    let mut problems = status.sources.iter().flat_map(|source| &source.problems);
    problems.any(|problem| is_about(problem.path(), key))
}

/// The names of the variants.
fn names(variants: &Variants) -> Vec<String> {
    variants.iter().map(|variant| variant.name().to_owned()).collect()
}

/// The layer that defines a flag.
fn layer_of(snapshot: &Snapshot, key: &str) -> Option<String> {
    snapshot.evaluate(key, &()).layer().map(ToString::to_string)
}

/// The summary of a flag, in the colour of its state.
pub(crate) fn coloured(flag: Option<&Flag>) -> String {
    if flag.is_none() {
        return styled(BAD, "invalid");
    }
    let style = match (State::of(flag), Progress::of(flag).map(Progress::stages)) {
        (_, Some([Stage::Complete | Stage::Contracted, _])) => GOOD,
        (_, Some([_, ahead])) if ahead != Stage::Off => WARN,
        (State::Off, _) => DIM,
        (State::ON, _) => GOOD,
        (State::At(_), _) => WARN,
    };
    styled(style, summary(flag))
}
