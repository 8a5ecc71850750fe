//! Edits of the stage of a migration, in both formats.

use flagkit_sources::document::Format;
use flagkit_sources::document::tree::{self, Entry};

use super::{
    Recovered, UNREADABLE, apply, bump_declared_count, flags_entry, json, render, split_mark, toml, unexpected,
};
use crate::progress::Progress;
use crate::report::{Exit, Failure, Result};
use crate::tree::invalid;

/// Returns the text with a migration at this stage. Adds the migration if the text does not have it.
///
/// The rollout is removed only with the flag: a whole stage with a rollout in the text has the rollout 100.
pub(crate) fn set_stage(format: Format, text: &str, key: &str, to: Progress) -> Result<String> {
    let (mark, text) = split_mark(text);
    let document = tree::parse(format, text).map_err(|error| invalid(&error))?;
    let root = document.as_table().ok_or_else(|| unexpected("the document", &document))?;
    let flags = flags_entry(root)?;
    let table = flags.and_then(|flags| flags.node.as_table());
    let mut edits = Vec::new();
    if let Some(flag) = table.and_then(|table| table.entry(key)) {
        let written = flag.node.as_table().ok_or_else(|| unexpected(&format!("`flags.{key}`"), &flag.node))?;
        let mut missing = Vec::new();
        for (name, value) in fields(to, written.entry("rollout").is_some()) {
            match written.entry(name) {
                Some(field) => edits.push((field.node.span(), value)),
                None => missing.push((name, value)),
            }
        }
        edits.extend(match format {
            Format::Json => json::add_fields(text, flag, &missing),
            _ => toml::add_fields(text, flag, &missing, "stage"),
        });
    } else {
        let count = table.map_or(0, |table| table.len());
        edits.extend(bump_declared_count(text, root, count, 1));
        edits.push(match format {
            Format::Json => json::add_table(text, &document, flags, key, &fields(to, false)),
            _ => toml::add_table(text, flags, key, &fields(to, false)),
        });
    }
    let new = apply(text, edits);
    if has_stage(format, &new, key, to) {
        return Ok(mark.to_owned() + &new);
    }
    Err(Failure::new(Exit::Conflict, format!("cannot edit {key}: its syntax is not supported"))
        .with_help(format!("write it as `[flags.{key}]` with one line for each field, and try again")))
}

/// Returns a new text with one migration at this stage, and with invalid definitions of the other names.
pub(crate) fn render_one_stage(format: Format, key: &str, to: Progress, others: &Recovered) -> Result<String> {
    let invalid = others.keys.iter().filter(|other| *other != key).map(|other| (other.as_str(), UNREADABLE.into()));
    set_stage(format, &render(format, &invalid.collect(), &others.segments), key, to)
}

/// The fields of a migration that hold its progress, each with its value in both formats.
fn fields(to: Progress, has_rollout: bool) -> Vec<(&'static str, String)> {
    let stage = ("stage", format!("\"{}\"", to.stage));
    let share = to.share.to_string();
    let rollout = ("rollout", share.trim_end_matches('%').to_owned());
    if has_rollout || !to.is_whole() { vec![stage, rollout] } else { vec![stage] }
}

/// Returns whether a text states this progress of a migration.
pub(crate) fn has_stage(format: Format, text: &str, key: &str, to: Progress) -> bool {
    let (_, text) = split_mark(text);
    let root = tree::parse(format, text).ok();
    let flags = root.as_ref().and_then(|root| root.as_table()?.entry("flags")?.node.as_table());
    flags.and_then(|flags| flags.entry(key)).is_some_and(|flag| is_at(text, flag, to))
}

fn is_at(text: &str, flag: &Entry<'_>, to: Progress) -> bool {
    let written = |name| flag.node.as_table()?.entry(name).map(|entry| &text[entry.node.span()]);
    let expected = fields(to, written("rollout").is_some());
    expected.iter().all(|(name, value)| written(name).is_some_and(|written| written == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, before: &str, to: &str, after: &str) {
        let to = to.parse().expect("a progress");
        assert_eq!(set_stage(format, before, "m", to).expect("a text that can be edited"), after);
        assert_eq!(set_stage(format, after, "m", to).expect("the same text"), after);
    }

    #[track_caller]
    fn toml(before: &str, to: &str, after: &str) {
        check(Format::Toml, before, to, after);
        assert!(::toml::from_str::<::toml::Table>(after).is_ok(), "{after}");
    }

    #[track_caller]
    fn json(before: &str, to: &str, after: &str) {
        check(Format::Json, before, to, after);
        assert!(serde_json::from_str::<serde_json::Value>(after).is_ok(), "{after}");
    }

    #[test]
    fn toml_keeps_comments_order_and_line_ends() {
        toml(
            "# a\n[flags.m] # b\nkind = \"migration\"\nstage = \"off\" # c\nowner = \"me\"\n",
            "dual-write",
            "# a\n[flags.m] # b\nkind = \"migration\"\nstage = \"dual-write\" # c\nowner = \"me\"\n",
        );
        toml(
            "[flags.m]\r\nkind = \"migration\"\r\n[x]\r\n",
            "live",
            "[flags.m]\r\nstage = \"live\"\r\nkind = \"migration\"\r\n[x]\r\n",
        );
        toml("[flags.m]\nstage = 'off'", "shadow", "[flags.m]\nstage = \"shadow\"");
        toml(
            "[flags]\nm = { kind = \"migration\" } # c\n",
            "live",
            "[flags]\nm = { stage = \"live\", kind = \"migration\" } # c\n",
        );
        toml("[flags]\nm.kind = \"migration\"\n", "live", "[flags]\nm.stage = \"live\"\nm.kind = \"migration\"\n");
    }

    #[test]
    fn toml_gets_a_table_for_a_migration_without_one() {
        toml("", "live", "[flags.m]\nstage = \"live\"\n");
        toml("[flags]\n", "live", "[flags]\n\n[flags.m]\nstage = \"live\"\n");
        toml("[flags]\na = true", "live", "[flags]\na = true\n\n[flags.m]\nstage = \"live\"\n");
        toml(
            "[meta]\nflags = 1 # c\n[flags]\na = true\n[gate.x]\n",
            "live@25%",
            "[meta]\nflags = 2 # c\n[flags]\na = true\n[gate.x]\n\n[flags.m]\nstage = \"live\"\nrollout = 25\n",
        );
        toml("flags = { a = true }\n", "live", "flags = { m = { stage = \"live\" }, a = true }\n");
        toml("flags = {}\n", "live", "flags = { m = { stage = \"live\" } }\n");
        toml("flags.a = true\n", "live", "flags.a = true\n\n[flags.m]\nstage = \"live\"\n");
    }

    #[test]
    fn a_rollout_follows_the_stage() {
        toml(
            "[flags.m]\nstage = \"shadow\" # c\npartition = \"t\"\n",
            "live@25%",
            "[flags.m]\nstage = \"live\" # c\nrollout = 25\npartition = \"t\"\n",
        );
        toml(
            "[flags.m]\nstage = \"live\"\nrollout = 25 # d\n",
            "live",
            "[flags.m]\nstage = \"live\"\nrollout = 100 # d\n",
        );
        json(
            r#"{"flags": {"m": {"stage": "shadow", "partition": "t"}}}"#,
            "live@0.5%",
            r#"{"flags": {"m": {"rollout": 0.5, "stage": "live", "partition": "t"}}}"#,
        );
    }

    #[test]
    fn json_keeps_its_layout() {
        json(
            "{\n  \"flags\": {\n    \"m\": {\n      \"kind\": \"migration\"\n    }\n  }\n}\n",
            "dual-write",
            "{\n  \"flags\": {\n    \"m\": {\n      \"stage\": \"dual-write\",\n      \"kind\": \"migration\"\n    }\n  }\n}\n",
        );
        json(r#"{"flags": {"a": true}}"#, "live", r#"{"flags": {"m": {"stage": "live"}, "a": true}}"#);
        json("{}", "live", r#"{"flags": {"m": {"stage": "live"}}}"#);
        json(r#"{"flags": {"m": {}}}"#, "live", r#"{"flags": {"m": {"stage": "live"}}}"#);
    }

    #[test]
    fn a_switch_is_not_edited() {
        let failure = set_stage(Format::Toml, "[flags]\nm = true\n", "m", Progress::OFF).expect_err("a switch");
        let message = failure.to_string();
        assert!(message.starts_with("cannot edit `flags.m`: got true, expected a table"), "{message}");
    }
}
