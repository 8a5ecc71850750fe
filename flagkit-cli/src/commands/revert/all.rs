//! `revert --all`: turns off every flag, whatever the file contains.

use std::collections::BTreeSet;
use std::path::Path;

use flagkit_core::FlagKey;
use serde_json::json;

use super::layers::{Layer, Layers};
use super::{Change, RevertArgs, elsewhere, migrations};
use crate::edit::{self, Recovered};
use crate::journal::Transition;
use crate::project::{Document, digest, format};
use crate::report::{Report, Result};
use crate::state::State;

/// Plans the change. If programs reject the file, the new text has each key that could be recovered.
pub(super) fn plan(file: &Path, layers: &Layers, args: &RevertArgs) -> Result<(Option<Change>, Report)> {
    let target = &layers.target;
    let (path, format, old) = (&target.path, format(&target.path), target.text());
    // The files below would show through wherever the new text does not mention a flag.
    let keys = layers.below.iter().flat_map(Layer::keys).cloned().collect();
    let mut names = Recovered { keys, migrations: migrations::keys(file, layers), ..Recovered::default() };
    if layers.all().any(|layer| layer.document.is_err()) || layers.may_have_lost_names(file) {
        let lost = layers.lost_names(file);
        names.keys.extend(lost.keys);
        names.segments = lost.segments;
    }
    let merged = layers.project().map(|project| project.flags().snapshot());
    let mut moves = migrations::Plan::new(file, layers, &names.migrations, args);
    let edited = if target.document.is_ok() {
        // An edit keeps the rest of the text. If the result is not all off, the text is written from scratch.
        edit::turn_all_off(format, &old, &names.keys, &names.migrations).and_then(|text| {
            let text = with_steps(layers, &mut moves, &names.migrations, text);
            Some((parse_all_off(path, &text, &names.migrations)?, text))
        })
    } else {
        None
    };
    let is_edited = edited.is_some();
    let (after, text) = if let Some(edited) = edited {
        edited
    } else {
        moves = migrations::Plan::unknown(file, layers, &names.migrations, args);
        names.keys.extend(target.keys().iter().chain(&names.migrations).cloned());
        names.segments.extend(target.recovered().segments.iter().cloned());
        let text = edit::render_all_off(format, &names);
        (Document::parse_or_fail(path, text.clone().into_bytes())?, text)
    };
    let elsewhere = moves.notes.clone() + &elsewhere::report(file, args, |_| true);
    if target.bytes.as_deref() == Some(text.as_bytes()) || target.bytes.is_none() && text == old {
        let text = "all flags are already off\n".to_owned() + &elsewhere;
        return Ok((None, Report::new(text, json!({ "flags": [] }))));
    }
    let all = after.load.flags().keys().filter(|key| !names.migrations.contains(key.as_str())).map(|key| Transition {
        flag: key.to_string(),
        from: merged.as_ref().and_then(|merged| layers.state(merged, key.as_str())),
        to: State::Off,
    });
    let transitions: Vec<Transition> = all.filter(|transition| transition.from != Some(State::Off)).collect();
    let saved = target.bytes.clone().filter(|_| !is_edited);
    let expected = target.bytes.as_deref().map(digest);
    let change = Change { expected, text, transitions, steps: moves.steps, saved };
    let mut report = change.report(args);
    if change.transitions.is_empty() && change.steps.is_empty() {
        report.text += "all flags are already off; the new text of the file says so of each\n";
    }
    report.text += &elsewhere;
    Ok((Some(change), report))
}

/// Returns the text with the steps back of the migrations, or without them if the text cannot be edited like that.
fn with_steps(layers: &Layers, moves: &mut migrations::Plan, keys: &BTreeSet<String>, text: String) -> String {
    let Some(project) = layers.project().filter(|_| !moves.steps.is_empty()) else { return text };
    let edited = moves.apply(&project, text.clone()).ok().filter(|text| {
        let after = project.with_state(text).map(|after| after.flags().snapshot());
        after.is_ok_and(|after| moves.is_done(keys, [&project.flags().snapshot(), &after]))
    });
    edited.unwrap_or_else(|| {
        moves.give_up();
        text
    })
}

/// Parses the text, and returns the document if each of its flags is off. Migrations are not.
fn parse_all_off(path: &Path, text: &str, migrations: &BTreeSet<String>) -> Option<Document> {
    let document = Document::parse_or_fail(path, text.to_owned().into_bytes()).ok()?;
    let flags = document.load.flags();
    let is_off = |key: &FlagKey| {
        migrations.contains(key.as_str()) || flags.get(key.as_str()).is_some_and(|flag| !flag.is_enabled())
    };
    let are_off = flags.keys().all(is_off);
    are_off.then_some(document)
}
