//! All flags at a glance.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::{Flag, Snapshot, SourceState};
use serde_json::json;

use crate::cli::Sources;
use crate::outcome::{Report, Result};
use crate::sources::snapshot;
use crate::state::State;
use crate::terminal::{BAD, BOLD, DIM, GOOD, Table, WARN, styled};

pub(crate) fn run(file: &Path, sources: &Sources) -> Result {
    let (snapshot, status) = snapshot(sources, file)?;
    let mut keys: Vec<&str> = snapshot.keys().map(flagkit_core::FlagKey::as_str).collect();
    keys.sort_unstable();
    let layers: BTreeSet<Option<String>> = keys.iter().map(|key| layer_of(&snapshot, key)).collect();
    // Where all say the same, it need not be said of each.
    let shared = if layers.len() == 1 { layers.into_iter().next().flatten() } else { None };
    let header = ["flag", "state", "kind", "owner", "expires", if shared.is_some() { "" } else { "layer" }];
    let mut table = Table::new(header);
    let mut rows = Vec::new();
    for key in &keys {
        let flag = snapshot.flag(key);
        let metadata = flag.and_then(Flag::metadata);
        let kind = metadata.and_then(|metadata| metadata.kind).map(|kind| kind.as_str().to_owned());
        let owner = metadata.and_then(|metadata| metadata.owner.as_deref()).map(str::to_owned);
        let expires = metadata.and_then(|metadata| metadata.expires).map(|day| day.to_string());
        let layer = layer_of(&snapshot, key);
        let words = |text: &Option<String>| text.clone().unwrap_or_else(|| styled(DIM, "-"));
        table.push([
            styled(BOLD, key),
            coloured(flag),
            words(&kind),
            words(&owner),
            words(&expires),
            if shared.is_some() { String::new() } else { words(&layer) },
        ]);
        rows.push(json!({
            "flag": key, "state": flag.map(|flag| State::of(Some(flag)).to_string()), "rules": flag.map(|flag| flag.rules().len()),
            "variants": flag.and_then(Flag::variants).map(|all| all.iter().map(|one| one.name().to_owned()).collect::<Vec<_>>()),
            "kind": kind, "owner": owner, "expires": expires, "layer": layer,
        }));
    }
    let mut text = if keys.is_empty() { "no flags\n".to_owned() } else { table.shown() };
    if let Some(layer) = shared {
        let _ = writeln!(text, "{}", styled(DIM, format!("all from {layer}")));
    }
    for source in &status.sources {
        for problem in &source.problems {
            let _ = writeln!(text, "{} {}: {problem}", styled(BAD, "problem"), source.provenance);
        }
        if source.state == SourceState::Stale {
            let _ = writeln!(text, "{} {} is stale", styled(WARN, "warning"), source.provenance);
        }
    }
    Ok(Report::new(text, json!({ "flags": rows, "revision": snapshot.revision() })))
}

/// The layer that decides of a flag.
fn layer_of(snapshot: &Snapshot, key: &str) -> Option<String> {
    snapshot.evaluate(key, &()).layer().map(ToString::to_string)
}

/// The state, rules and variants of a flag in a few words.
pub(crate) fn coloured(flag: Option<&Flag>) -> String {
    let Some(flag) = flag else { return styled(BAD, "refused") };
    let state = State::of(Some(flag));
    let style = match state {
        State::OFF => DIM,
        State::ON => GOOD,
        _ => WARN,
    };
    if !flag.is_switched_on() {
        return styled(DIM, "dark");
    }
    let rules = match flag.rules().len() {
        0 => String::new(),
        1 => "1 rule".to_owned(),
        rules => format!("{rules} rules"),
    };
    let mut words = match (state, rules.as_str()) {
        (state, "") => styled(style, state),
        // For nobody else.
        (State::OFF, rules) => styled(WARN, rules),
        (state, rules) => format!("{} + {rules}", styled(style, state)),
    };
    if let Some(variants) = flag.variants() {
        let _ = write!(words, ", {} variants", variants.iter().count());
    }
    words
}
