//! Edits of the approvals of a flag: `[[flags.NAME.approval]]` in TOML, and `"approval": [{…}]` in JSON.
//!
//! The tables of TOML go after the last line of the flag, so that a person finds them there. A flag in the short form
//! `x = true` becomes `x.on = true` first, which keeps its line and its comment.

use flagkit_core::source::Approval;
use flagkit_sources::document::Format;
use flagkit_sources::document::tree::{self, Entry, Node, Origin, Value as Tree};
use serde_json::{Value, json};

use super::{Edit, apply, flags_entry, json, split_mark, toml, unexpected};
use crate::report::{Exit, Failure, Result};
use crate::tree::invalid;

/// The name of the approvals in a flag.
const FIELD: &str = "approval";

/// The fields of a table in their order, each with its JSON value.
pub(super) type Fields = Vec<(&'static str, Value)>;

/// Returns the text with these approvals of a flag, instead of its older ones.
pub(crate) fn set_approvals(format: Format, text: &str, key: &str, approvals: &[Approval]) -> Result<String> {
    let (mark, text) = split_mark(text);
    let table = match format {
        Format::Json => edited(format, text, key, |_, flag| json::expand(text, flag))?,
        _ => edited(format, text, key, |flags, flag| toml::expand(text, flags, flag))?,
    };
    let bare = edited(format, &table, key, |_, flag| removal(format, &table, flag))?;
    let new = match format {
        Format::Json => edited(format, &bare, key, |_, flag| {
            vec![json::append(&bare, &flag.node, FIELD, &approvals.iter().map(fields).collect::<Vec<_>>())]
        })?,
        _ => edited(format, &bare, key, |flags, flag| {
            toml::add_tables(&bare, [flags, flag], FIELD, &approvals.iter().map(fields).collect::<Vec<_>>())
        })?,
    };
    let count = |text: &str| {
        let root = tree::parse(format, text).ok()?;
        let flag = root.as_table()?.entry("flags")?.node.as_table()?.entry(key)?;
        match &flag.node.as_table()?.entry(FIELD)?.node.value {
            Tree::Array(items) => Some(items.len()),
            _ => None,
        }
    };
    if count(&new) == Some(approvals.len()) {
        return Ok(mark.to_owned() + &new);
    }
    Err(Failure::new(Exit::Conflict, format!("cannot write the approvals of {key}: its syntax is not supported"))
        .with_help(format!("write it as `[flags.{key}]` with one line for each field, and try again")))
}

/// Returns the text without the approvals of a flag.
pub(crate) fn remove_approvals(format: Format, text: &str, key: &str) -> Result<String> {
    let (mark, text) = split_mark(text);
    Ok(mark.to_owned() + &edited(format, text, key, |_, flag| removal(format, text, flag))?)
}

/// Returns the text with the edits of a flag, which must exist.
fn edited(
    format: Format,
    text: &str,
    key: &str,
    edits: impl FnOnce(&Entry<'_>, &Entry<'_>) -> Vec<Edit>,
) -> Result<String> {
    let document = tree::parse(format, text).map_err(|error| invalid(&error))?;
    let root = document.as_table().ok_or_else(|| unexpected("the document", &document))?;
    let flags = flags_entry(root)?;
    let flag = flags.and_then(|flags| flags.node.as_table()?.entry(key));
    let missing = || Failure::new(Exit::Conflict, format!("cannot edit {key}: the file does not have it"));
    let (flags, flag) = flags.zip(flag).ok_or_else(missing)?;
    Ok(apply(text, edits(flags, flag)))
}

/// Returns the edits that remove the approvals of a flag.
pub(super) fn removal(format: Format, text: &str, flag: &Entry<'_>) -> Vec<Edit> {
    let Some(table) = flag.node.as_table() else { return Vec::new() };
    let Some(approval) = table.entry(FIELD) else { return Vec::new() };
    if format == Format::Json || table.origin == Origin::Braces {
        return vec![(braces_field(text, &flag.node, approval), String::new())];
    }
    let lines = match &approval.node.value {
        Tree::Array(items) if items.iter().all(toml::is_section) => {
            items.iter().map(|item| toml::section(text, item)).collect()
        }
        Tree::Table(_) if toml::is_section(&approval.node) => vec![toml::section(text, &approval.node)],
        _ => vec![toml::lines(text, approval)],
    };
    lines.into_iter().map(|lines| (lines, String::new())).collect()
}

/// Returns the range of a field within braces, with one of the commas around it.
fn braces_field(text: &str, table: &Node<'_>, field: &Entry<'_>) -> std::ops::Range<usize> {
    let end = field.node.span().end;
    let rest = &text[end..];
    let after = rest.trim_start();
    if let Some(next) = after.strip_prefix(',') {
        return field.offset..text.len() - next.trim_start().len();
    }
    let before = text[..field.offset].trim_end();
    match before.strip_suffix(',') {
        Some(before) => before.len()..end,
        // It is the only field.
        None => field.offset.min(table.span().end)..end,
    }
}

/// Returns the fields of an approval.
fn fields(approval: &Approval) -> Fields {
    let Approval { by, at, to, serial, before, release, checks, gate, requirement, signature } = approval;
    let fields = [
        ("by", Some(json!(by))),
        ("at", Some(json!(at))),
        ("to", Some(json!(to))),
        ("serial", Some(json!(serial))),
        ("before", Some(json!(before))),
        ("release", release.as_ref().map(|release| json!(release))),
        ("checks", checks.as_ref().map(|checks| json!(checks))),
        ("gate", Some(json!(gate))),
        ("confirm", Some(json!(requirement.confirmation.as_str()))),
        ("humans", Some(json!(requirement.humans))),
        ("signature", Some(json!(signature))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flagkit_core::source::ApprovalRequirement;

    use super::*;
    use crate::edit::set;
    use crate::state::State;

    fn approval(by: &str) -> Approval {
        Approval {
            by: by.into(),
            at: "2026-11-29T10:03:11Z".into(),
            to: "on".into(),
            serial: 7,
            before: "sha256:0".into(),
            release: None,
            checks: None,
            gate: "sha256:1".into(),
            requirement: ApprovalRequirement::default(),
            signature: "BEGIN\nabc\nEND\n".into(),
        }
    }

    const FIELDS: &str = "by = \"a\"\nat = 2026-11-29T10:03:11Z\nto = \"on\"\nserial = 7\nbefore = \"sha256:0\"\n\
                          gate = \"sha256:1\"\nconfirm = \"terminal\"\nhumans = 1\nsignature = \"\"\"\nBEGIN\nabc\nEND\n\"\"\"\n";

    /// Checks the approvals of `x` in a text, a second approval instead of the first one, and the text without any.
    #[track_caller]
    fn toml(before: &str, after: &str, off: &str) {
        let block = |line_end: &str| format!("[[flags.x.approval]]\n{FIELDS}").replace('\n', line_end);
        let line_end = if before.contains("\r\n") { "\r\n" } else { "\n" };
        let after = after.replace("<approval>", &block(line_end));
        let new = set_approvals(Format::Toml, before, "x", &[approval("a")]).expect("a text that can be edited");
        assert_eq!(new, after);
        assert!(::toml::from_str::<::toml::Table>(&new).is_ok(), "{new}");
        let again = set_approvals(Format::Toml, &new, "x", &[approval("b"), approval("c")]).expect("the same");
        assert!(again.contains("\"b\"") && again.contains("\"c\"") && !again.contains("by = \"a\""), "{again}");
        let text = set(Format::Toml, &again, "x", State::Off).expect("off");
        assert_eq!(text, off);
    }

    #[test]
    fn toml_keeps_everything_else() {
        toml(
            "# a\n[flags.x] # b\non = true # c\nowner = \"me\"\n\n# y\n[flags.y]\non = true\n",
            "# a\n[flags.x] # b\non = true # c\nowner = \"me\"\n<approval>\n# y\n[flags.y]\non = true\n",
            "# a\n[flags.x] # b\non = false # c\nowner = \"me\"\n\n# y\n[flags.y]\non = true\n",
        );
        toml(
            "[flags.x]\r\non = true\r\n[flags.x.variants]\r\na = 1\r\n",
            "[flags.x]\r\non = true\r\n<approval>[flags.x.variants]\r\na = 1\r\n",
            "[flags.x]\r\non = false\r\n[flags.x.variants]\r\na = 1\r\n",
        );
        toml(
            "[flags]\nx.on = true\ny = true\n\n[gate.a]\nsoak = \"1h\"\n",
            "[flags]\nx.on = true\ny = true\n<approval>\n[gate.a]\nsoak = \"1h\"\n",
            "[flags]\nx.on = false\ny = true\n\n[gate.a]\nsoak = \"1h\"\n",
        );
    }

    #[test]
    fn the_short_form_of_toml_keeps_its_line() {
        toml(
            "[flags]\nx = true   # why\ny = true # z\n",
            "[flags]\nx.on = true   # why\ny = true # z\n<approval>",
            "[flags]\nx.on = false   # why\ny = true # z\n",
        );
        toml(
            "[flags]\nx = \"10%\" # why\ny = true\n",
            "[flags]\nx.on = true # why\nx.rollout = \"10%\"\ny = true\n<approval>",
            "[flags]\nx.on = false # why\nx.rollout = \"10%\"\ny = true\n",
        );
        toml(
            "flags.x = true\nflags.y = true\n",
            "flags.x.on = true\nflags.y = true\n<approval>",
            "flags.x.on = false\nflags.y = true\n",
        );
    }

    #[test]
    fn a_table_in_braces_gets_its_approvals_there() {
        for (before, off) in [
            ("flags = { x = true, y = true }\n", "flags = { x = { on = false }, y = true }\n"),
            ("[flags]\nx = { on = true } # c\n", "[flags]\nx = { on = false } # c\n"),
            ("[flags]\nx = { owner = \"a\", on = true }\n", "[flags]\nx = { owner = \"a\", on = false }\n"),
        ] {
            let new = set_approvals(Format::Toml, before, "x", &[approval("a")]).expect("a text that can be edited");
            assert!(new.contains("approval = [{ by = \"a\", at = 2026"), "{new}");
            assert!(::toml::from_str::<::toml::Table>(&new).is_ok(), "{new}");
            assert_eq!(set(Format::Toml, &new, "x", State::Off).expect("off"), off);
        }
    }

    #[test]
    fn json_keeps_its_layout() {
        for (before, after, off) in [
            (
                "{\n  \"flags\": {\n    \"x\": {\n      \"on\": true\n    },\n    \"y\": true\n  }\n}\n",
                "      \"on\": true,\n      \"approval\": [\n        {\n          \"by\": \"a\",\n          \"at\": \"2026",
                "{\n  \"flags\": {\n    \"x\": {\n      \"on\": false\n    },\n    \"y\": true\n  }\n}\n",
            ),
            (
                r#"{"flags": {"x": "10%", "y": true}}"#,
                r#"{"on": true, "rollout": "10%", "approval": [{"by": "a", "#,
                r#"{"flags": {"x": {"on": false, "rollout": "10%"}, "y": true}}"#,
            ),
            (
                r#"{"flags": {"x": {"on": true}}}"#,
                r#"{"on": true, "approval": [{"by": "a", "#,
                r#"{"flags": {"x": {"on": false}}}"#,
            ),
        ] {
            let new = set_approvals(Format::Json, before, "x", &[approval("a")]).expect("a text that can be edited");
            assert!(new.contains(after), "{new}");
            assert!(serde_json::from_str::<Value>(&new).is_ok(), "{new}");
            let two = set_approvals(Format::Json, &new, "x", &[approval("b"), approval("c")]).expect("the same");
            assert!(serde_json::from_str::<Value>(&two).is_ok() && !two.contains("\"a\""), "{two}");
            assert_eq!(set(Format::Json, &two, "x", State::Off).expect("off"), off);
        }
    }

    #[test]
    fn approvals_of_many_flags_are_removed_at_once() {
        let mut text = "[flags]\na = true\nb.on = true\n[flags.c]\non = true\n".to_owned();
        for key in ["a", "b", "c"] {
            text = set_approvals(Format::Toml, &text, key, &[approval("p"), approval("q")]).expect(key);
        }
        let off = crate::edit::turn_all_off(Format::Toml, &text, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!(off.as_deref(), Some("[flags]\na.on = false\nb.on = false\n[flags.c]\non = false\n"));
    }
}
