//! The digests of definitions: what an approval is bound to.
//!
//! # The problem
//!
//! An approval must be void after any edit that could include another subject. It must survive an edit that cannot: of
//! the description, of the order of keys, of spaces and comments.
//!
//! # The idea
//!
//! The digest is not one of the text, but one of the values in a canonical form. It leaves out what is not part of the
//! definition: the state, which the signed text names itself, and the metadata. Everything else counts, also a key that
//! no version of flagkit has yet.
//!
//! # The canonical form
//!
//! It is JSON without spaces:
//!
//! | value | form |
//! |---|---|
//! | table | an object, with its keys sorted by their bytes in UTF-8 |
//! | array | an array |
//! | `true`, `false`, `null` | the same |
//! | text | the string `t:…` |
//! | number | the string `n:…`, with the number as the document has it |
//! | date of TOML | like the text that JSON has for it, in the form of RFC 3339 |
//!
//! A string escapes `"`, `\` and the control characters below U+0020, the latter as `\b`, `\f`, `\n`, `\r`, `\t` or
//! `\u00xx` in lower case. An integer of TOML is in decimal, without underscores and without a plus sign; `-0` is `0`.
//! A fraction of TOML only loses its underscores. A date of TOML has `T` and its seconds.
//!
//! `spec/approvals.py` is a second implementation, and `spec/approvals.json` has golden vectors.
//!
//! Numbers are not compared by their values: `25` and `25.0` have different digests, although both mean the same. An
//! approval is then void without need, which is the safe direction.

use flagkit_core::source::Digest;
use sha2::{Digest as _, Sha256};

use super::node::{Entry, Node, Table, Value};

/// The keys of a flag that are not part of its definition: the state, and the metadata.
///
/// `inherit` is part of the definition. Without it, the rules of the layer below would not count.
const NOT_PART_OF_IT: [&str; 11] =
    ["on", "rollout", "stage", "description", "owner", "kind", "created", "expires", "gate", "allow", "approval"];

/// Returns the digest of a flag's definition. `None` if the table states only the state and metadata.
pub(super) fn of_flag(table: &Table<'_>) -> Option<Digest> {
    let is_part = |entry: &&Entry<'_>| !NOT_PART_OF_IT.contains(&&*entry.name);
    let entries: Vec<&Entry<'_>> = table.iter().filter(is_part).collect();
    let mut out = Canonical(Sha256::new());
    out.table(entries).then(|| out.0.finalize().into())
}

/// Returns the digest of a segment.
pub(super) fn of_segment(node: &Node<'_>) -> Digest {
    let mut out = Canonical(Sha256::new());
    out.node(node);
    out.0.finalize().into()
}

/// Hashes the canonical form. The form itself is never in memory, where it could be larger than the document.
struct Canonical(Sha256);

impl Canonical {
    fn push(&mut self, text: &str) {
        self.0.update(text);
    }

    /// Hashes a value. Its depth is bounded, because the parsers bound it.
    fn node(&mut self, node: &Node<'_>) {
        match &node.value {
            Value::Null => self.push("null"),
            Value::Bool(true) => self.push("true"),
            Value::Bool(false) => self.push("false"),
            Value::Number(number) if number == "-0" => self.string(&["n:", "0"]),
            Value::Number(number) => self.string(&["n:", number]),
            Value::Text(text) => self.string(&["t:", text]),
            // A date means the same as its text everywhere, and JSON has only the text.
            Value::Datetime(text) => self.string(&["t:", text]),
            Value::Array(items) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.push(",");
                    }
                    self.node(item);
                }
                self.push("]");
            }
            Value::Table(table) => {
                self.table(table.iter().collect());
            }
        }
    }

    /// Hashes a table, and returns whether it has entries.
    fn table(&mut self, mut entries: Vec<&Entry<'_>>) -> bool {
        entries.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        self.push("{");
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                self.push(",");
            }
            self.string(&[&entry.name]);
            self.push(":");
            self.node(&entry.node);
        }
        self.push("}");
        !entries.is_empty()
    }

    /// Hashes a string of these parts, with as few escapes as JSON allows.
    fn string(&mut self, parts: &[&str]) {
        self.push("\"");
        for part in parts {
            for piece in part.split_inclusive(is_escaped) {
                let Some(special) = piece.chars().next_back().filter(|c| is_escaped(*c)) else {
                    self.push(piece);
                    continue;
                };
                // A character that is escaped has one byte.
                self.push(piece.get(..piece.len() - 1).unwrap_or_default());
                match special {
                    '"' => self.push("\\\""),
                    '\\' => self.push("\\\\"),
                    '\u{8}' => self.push("\\b"),
                    '\u{c}' => self.push("\\f"),
                    '\n' => self.push("\\n"),
                    '\r' => self.push("\\r"),
                    '\t' => self.push("\\t"),
                    control => self.push(&format!("\\u{:04x}", u32::from(control))),
                }
            }
        }
        self.push("\"");
    }
}

/// Returns whether JSON requires an escape of the character.
fn is_escaped(c: char) -> bool {
    matches!(c, '"' | '\\' | '\0'..'\u{20}')
}
