//! `revert --all`: turns off every flag, whatever the file contains.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use flagkit_core::FlagKey;
use serde_json::json;

use super::layers::{Layer, Layers};
use super::{Change, RevertArgs, elsewhere};
use crate::edit;
use crate::file::parent_dir;
use crate::journal::{Journal, Transition};
use crate::project::{Document, digest, format};
use crate::report::{Report, Result};
use crate::state::State;

/// Plans the change. If programs reject the file, the new text has each key that could be recovered.
pub(super) fn plan(file: &Path, layers: &Layers, args: &RevertArgs) -> Result<(Option<Change>, Report)> {
    let target = &layers.target;
    let (path, format, old) = (&target.path, format(&target.path), target.text());
    // The files below would show through wherever the new text does not mention a flag.
    let mut keys: BTreeSet<String> = layers.below.iter().flat_map(Layer::keys).cloned().collect();
    let edited = if target.document.is_ok() {
        // An edit keeps the rest of the text. If the result is not all off, the text is written from scratch.
        edit::turn_all_off(format, &old, &keys).and_then(|text| Some((parse_all_off(path, &text)?, text)))
    } else {
        keys.extend(lost_keys(file, path));
        None
    };
    let is_edited = edited.is_some();
    let (after, text) = if let Some(edited) = edited {
        edited
    } else {
        keys.extend(target.keys().iter().cloned());
        let text = edit::render_all_off(format, &keys, &target.recovered().segments);
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

/// Returns keys that a rejected file may have had, but that its text need not contain any more.
///
/// They are the keys of the log, and those of the flag files in the same folder, which may be its lower layers.
fn lost_keys(file: &Path, path: &Path) -> BTreeSet<String> {
    let journal = Journal::read(file).unwrap_or_default();
    let logged = journal.entries.into_iter().map(|entry| entry.flag);
    let siblings = fs::read_dir(parent_dir(path)).into_iter().flatten().flatten().map(|entry| entry.path());
    let layers =
        siblings.filter(|sibling| sibling.extension() == path.extension() && sibling.file_name() != path.file_name());
    let valid = layers.filter_map(|path| Layer::read(&path).ok()).filter(|layer| layer.document.is_ok());
    let keys = valid.flat_map(|layer| layer.keys().clone()).chain(logged);
    keys.filter(|key| FlagKey::new(key).is_ok()).collect()
}

/// Parses the text, and returns the document if each of its flags is off.
fn parse_all_off(path: &Path, text: &str) -> Option<Document> {
    let document = Document::parse_or_fail(path, text.to_owned().into_bytes()).ok()?;
    let flags = document.load.flags();
    let is_off = |key: &FlagKey| flags.get(key.as_str()).is_some_and(|flag| !flag.is_enabled());
    let are_off = flags.keys().all(is_off);
    are_off.then_some(document)
}
