//! What gates require of approvals: the keys `confirm` and `humans` of `[gate.NAME]`.
//!
//! ```toml
//! [defaults]
//! gate = "standard"        # for flags without a `gate` of their own, also for those in the short form
//! [gate.standard]
//! confirm = "signed"       # absent: "terminal"
//! humans = 2               # absent: 1
//! ```
//!
//! All other keys of a gate belong to the command.
//!
//! # A gate that cannot be read
//!
//! Such a gate requires the most that a gate can require. Its author meant some requirement, and it is unknown which one.
//! To ignore the gate would require the least, so a typing error could release a flag that needs two people. A program
//! that requires no approvals does not use the requirement.
//!
//! A name that no gate of the document has is such a gate, if the document has gates. A document without gates is
//! usually the file of an environment, and names a gate of the declared file. It adds no requirement: over layers the
//! strictest counts, so the gate of the lower layer stays. The command reports a name that no file has.

use std::collections::HashMap;

use flagkit_core::Flag;
use flagkit_core::source::{ApprovalRequirement, Confirmation};

use super::decoder::{Decoder, join, one_of};
use super::node::{Node, Table, Value};
use super::suggest::nearest;

/// The greatest number of people that a gate can require.
const MAX_HUMANS: u32 = 10;
/// The requirement of a gate that cannot be read.
const STRICTEST: ApprovalRequirement =
    ApprovalRequirement { confirmation: Confirmation::TouchAndPin, humans: MAX_HUMANS };

/// The requirements of a document's gates, by name.
///
/// [`flags::decode`](super::flags::decode) creates it before it decodes flags, because a document may have its gates at
/// the end.
#[derive(Default)]
pub(super) struct Gates<'n> {
    requirements: HashMap<&'n str, ApprovalRequirement>,
    /// Whether the document has the key `gate` at its top level.
    has_table: bool,
    /// The requirement for a flag without a gate of its own.
    default: Option<ApprovalRequirement>,
}

impl<'n> Gates<'n> {
    /// Decodes the gates of a document, and reports invalid values of the two keys.
    pub(super) fn decode(decoder: &mut Decoder<'_>, root: &'n Table<'_>) -> Self {
        let mut gates = Self { has_table: root.entry("gate").is_some(), ..Self::default() };
        if let Some(Value::Table(entries)) = root.entry("gate").map(|entry| &entry.node.value) {
            for entry in entries {
                gates.requirements.insert(&entry.name, gate(decoder, &join("gate", &entry.name), &entry.node));
            }
        }
        gates.default = root.entry("defaults").and_then(|entry| match &entry.node.value {
            Value::Table(defaults) => defaults.entry("gate").and_then(|entry| gates.named(&entry.node)),
            _ => Some(STRICTEST),
        });
        gates
    }

    /// Returns the flag with the requirement of its gate.
    ///
    /// A gate that requires no more than every flag with approvals needs is left out, so that most flags stay small.
    pub(super) fn apply(&self, flag: Flag, node: &Node<'_>) -> Flag {
        let own = node.as_table().and_then(|table| table.entry("gate"));
        let requirement = own.map_or(self.default, |entry| self.named(&entry.node));
        match requirement.filter(|requirement| *requirement != ApprovalRequirement::default()) {
            Some(requirement) => flag.with_approval_requirement(requirement),
            None => flag,
        }
    }

    /// Returns the requirement of the gate that a value names. `None`: only another document can have the gate.
    fn named(&self, node: &Node<'_>) -> Option<ApprovalRequirement> {
        match &node.value {
            Value::Text(name) => self.requirements.get(&**name).copied().or(self.has_table.then_some(STRICTEST)),
            _ => Some(STRICTEST),
        }
    }
}

/// Decodes one gate.
fn gate(decoder: &mut Decoder<'_>, base: &str, node: &Node<'_>) -> ApprovalRequirement {
    let Value::Table(table) = &node.value else { return STRICTEST };
    let default = ApprovalRequirement::default();
    let confirmation = table
        .entry("confirm")
        .map_or(Some(default.confirmation), |entry| confirmation(decoder, &join(base, "confirm"), &entry.node));
    let humans =
        table.entry("humans").map_or(Some(default.humans), |entry| humans(decoder, &join(base, "humans"), &entry.node));
    match (confirmation, humans) {
        (Some(confirmation), Some(humans)) => ApprovalRequirement { confirmation, humans },
        _ => STRICTEST,
    }
}

/// Decodes how a person confirms, with a suggestion for a misspelled word.
pub(super) fn confirmation(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<Confirmation> {
    let text = match &node.value {
        Value::Text(text) => &**text,
        _ => "",
    };
    let confirmation = Confirmation::ALL.into_iter().find(|confirmation| confirmation.as_str() == text);
    if confirmation.is_none() {
        let words = Confirmation::ALL.map(Confirmation::as_str);
        match nearest(text, words) {
            Some(word) => decoder.invalid_with_help(path, node, one_of(&words), format!("did you mean \"{word}\"?")),
            None => decoder.invalid(path, node, one_of(&words)),
        }
    }
    confirmation
}

/// Decodes a number of people.
pub(super) fn humans(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<u32> {
    let humans = match &node.value {
        Value::Number(number) => number.parse().ok().filter(|humans| (1..=MAX_HUMANS).contains(humans)),
        _ => None,
    };
    if humans.is_none() {
        decoder.invalid(path, node, format!("a whole number from 1 to {MAX_HUMANS}"));
    }
    humans
}
