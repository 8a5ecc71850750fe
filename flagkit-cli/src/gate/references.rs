//! References to gates by name, in flags and in the defaults.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{GateError, Gates, names_help};
use crate::edit;
use crate::project::Document;
use crate::tree;

/// A reference to a gate that does not exist.
pub(super) struct UnknownGate<'a> {
    /// The table of the entry: `flags` or `defaults`.
    pub(super) table: &'static str,
    /// The name of the entry in the table: for `flags`, the key of the flag.
    pub(super) entry: &'a str,
    pub(super) message: String,
    pub(super) help: String,
}

/// Returns the references of flags and of the defaults to a gate that is not among the known ones.
pub(super) fn unknown_gates<'a>(
    flags: impl Iterator<Item = (&'a str, &'a Value)>,
    default: Option<&Value>,
    known: &BTreeSet<String>,
) -> Vec<UnknownGate<'a>> {
    let of_flags = flags.filter_map(|(key, flag)| Some(("flags", key, format!("flags.{key}.gate"), flag.get("gate")?)));
    let of_defaults = default.map(|gate| ("defaults", "gate", "defaults.gate".to_owned(), gate));
    let references = of_flags.chain(of_defaults).filter_map(|(table, entry, path, gate)| {
        let (got, help) = match gate.as_str() {
            Some(name) if known.contains(name) => return None,
            Some(name) => (format!("{name:?}"), names_help(name, "gate", known.iter())),
            None => {
                let got = if gate.is_object() { "a table".to_owned() } else { gate.to_string() };
                (got, "write the table as `[gate.NAME]`, and `gate = \"NAME\"` here".to_owned())
            }
        };
        Some(UnknownGate { table, entry, message: format!("{path}: got {got}, expected the name of a gate"), help })
    });
    references.collect()
}

impl Gates {
    /// Returns the references to unknown gates in a document above the one of these gates, each with its flag.
    ///
    /// A reference of the defaults has no flag. A program finds a gate only in the document that names it. If that
    /// document has no gates, it may name those of the declared file, which the flag has there.
    pub(crate) fn unknown_above(&self, document: &Document) -> Vec<(Option<String>, GateError)> {
        let root = tree::document_to_json(document.format(), &document.text);
        let known: BTreeSet<String> = match root.get("gate") {
            Some(own) => own.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
            None => self.gate.keys().cloned().collect(),
        };
        let flags = root.get("flags").and_then(Value::as_object).into_iter().flatten();
        let flags = flags.map(|(key, flag)| (key.as_str(), flag));
        let default = root.get("defaults").and_then(|defaults| defaults.get("gate"));
        let error = |unknown: UnknownGate<'_>| {
            let names = edit::names(document.format(), &document.text, unknown.table).into_iter();
            let location = names.filter(|(name, _)| name == unknown.entry).map(|(_, location)| location).next();
            let flag = (unknown.table == "flags").then(|| unknown.entry.to_owned());
            (flag, GateError { location, message: unknown.message, help: Some(unknown.help) })
        };
        unknown_gates(flags, default, &known).into_iter().map(error).collect()
    }
}
