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
//! | date | the string `d:…`, with the date in the form of RFC 3339 |
//!
//! A string escapes `"`, `\` and the control characters below U+0020, the latter as `\b`, `\f`, `\n`, `\r`, `\t` or
//! `\u00xx` in lower case. An integer of TOML is in decimal, without underscores and without a plus sign; `-0` is `0`.
//! A fraction of TOML only loses its underscores. A date of TOML has `T` and its seconds, and `Z` for the zone `+00:00`.
//! `spec/approvals.py` is a second implementation.
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
    let mut text = String::new();
    write_table(&mut text, entries).then(|| Sha256::digest(&text).into())
}

/// Returns the digest of a segment.
pub(super) fn of_segment(node: &Node<'_>) -> Digest {
    let mut text = String::new();
    write_node(&mut text, node);
    Sha256::digest(&text).into()
}

/// Appends the canonical form of a value. Its depth is bounded, because the parsers bound it.
fn write_node(out: &mut String, node: &Node<'_>) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) if number == "-0" => write_string(out, "n:", "0"),
        Value::Number(number) => write_string(out, "n:", number),
        Value::Text(text) => write_string(out, "t:", text),
        Value::Datetime(text) => match text.strip_suffix("+00:00") {
            Some(time) => write_string(out, "d:", &format!("{time}Z")),
            None => write_string(out, "d:", text),
        },
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_node(out, item);
            }
            out.push(']');
        }
        Value::Table(table) => {
            write_table(out, table.iter().collect());
        }
    }
}

/// Appends the canonical form of a table, and returns whether it has entries.
fn write_table(out: &mut String, mut entries: Vec<&Entry<'_>>) -> bool {
    entries.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    out.push('{');
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(out, "", &entry.name);
        out.push(':');
        write_node(out, &entry.node);
    }
    out.push('}');
    !entries.is_empty()
}

/// Appends a string, with as few escapes as JSON allows.
fn write_string(out: &mut String, prefix: &str, text: &str) {
    out.push('"');
    out.push_str(prefix);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..'\u{20}' => {
                let code = u32::from(c);
                out.push_str(if code < 16 { "\\u000" } else { "\\u001" });
                out.extend(char::from_digit(code % 16, 16));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}
