//! `revert --all`: turns off every flag, whatever the file contains.

use std::collections::BTreeSet;
use std::path::Path;

use flagkit_core::FlagKey;
use serde_json::json;

use super::layers::{Layer, Layers};
use super::{Change, RevertArgs, elsewhere};
use crate::edit;
use crate::journal::Transition;
use crate::project::{Document, digest, format};
use crate::report::{Report, Result};
use crate::state::State;

/// Plans the change. If programs reject the file, the new text has each key that could be recovered.
pub(super) fn plan(file: &Path, layers: &Layers, args: &RevertArgs) -> Result<(Option<Change>, Report)> {
    let target = &layers.target;
    let (path, format, old) = (&target.path, format(&target.path), target.text());
    // The files below would show through wherever the new text does not mention a flag.
    let mut keys: BTreeSet<String> = layers.below.iter().flat_map(Layer::keys).cloned().collect();
    let mut segments = BTreeSet::new();
    if layers.all().any(|layer| layer.document.is_err()) || layers.may_have_lost_names(file) {
        let lost = layers.lost_names(file);
        keys.extend(lost.keys);
        segments = lost.segments;
    }
    let edited = if target.document.is_ok() {
        // An edit keeps the rest of the text. If the result is not all off, the text is written from scratch.
        edit::turn_all_off(format, &old, &keys).and_then(|text| Some((parse_all_off(path, &text)?, text)))
    } else {
        None
    };
    let is_edited = edited.is_some();
    let (after, text) = if let Some(edited) = edited {
        edited
    } else {
        keys.extend(target.keys().iter().cloned());
        segments.extend(target.recovered().segments.iter().cloned());
        let text = edit::render_all_off(format, &keys, &segments);
        (Document::parse_or_fail(path, text.clone().into_bytes())?, text)
    };
    if target.bytes.as_deref() == Some(text.as_bytes()) || target.bytes.is_none() && text == old {
        let text = "all flags are already off\n".to_owned() + &elsewhere::report(file, args, |_| true);
        return Ok((None, Report::new(text, json!({ "flags": [] }))));
    }
    let merged = layers.project().map(|project| project.flags().snapshot());
    let all = after.load.flags().keys().map(|key| Transition {
        flag: key.to_string(),
        from: merged.as_ref().and_then(|merged| layers.state(merged, key.as_str())),
        to: State::Off,
    });
    let transitions: Vec<Transition> = all.filter(|transition| transition.from != Some(State::Off)).collect();
    let saved = target.bytes.clone().filter(|_| !is_edited);
    let change = Change { expected: target.bytes.as_deref().map(digest), text, transitions, saved };
    let mut report = change.report(args);
    if change.transitions.is_empty() {
        report.text += "all flags are already off; the new text of the file says so of each\n";
    }
    report.text += &elsewhere::report(file, args, |_| true);
    Ok((Some(change), report))
}

/// Parses the text, and returns the document if each of its flags is off.
fn parse_all_off(path: &Path, text: &str) -> Option<Document> {
    let document = Document::parse_or_fail(path, text.to_owned().into_bytes()).ok()?;
    let flags = document.load.flags();
    let is_off = |key: &FlagKey| flags.get(key.as_str()).is_some_and(|flag| !flag.is_enabled());
    let are_off = flags.keys().all(is_off);
    are_off.then_some(document)
}
