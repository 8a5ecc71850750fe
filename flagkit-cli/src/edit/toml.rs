//! The same in TOML.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};
use flagkit_core::FlagKey;
use serde_json::Value;

use super::{Cut, cut, short};
use crate::outcome::{Exit, Failure, Result};
use crate::state::State;

pub(super) fn set(text: &str, key: &str, state: State) -> Result<String> {
    let root = DeTable::parse(text).map_err(|error| Failure::new(Exit::Findings, error.to_string()))?;
    let root = root.get_ref();
    let flags = match get(root, "flags").map(|(_, flags)| flags.get_ref()) {
        Some(DeValue::Table(flags)) => flags,
        Some(_) => return Err(Failure::new(Exit::Findings, "`flags` is no table")),
        None => return Ok(with_line(text, text.len(), &format!("[flags]\n{}", entry(key, state)))),
    };
    match get(flags, key) {
        None => Ok(added(text, key, state)),
        Some((_, value)) => Ok(cut(text, cuts(text, key, value, state)?)),
    }
}

/// What changes of a flag that is there.
fn cuts(text: &str, key: &str, value: &Spanned<DeValue<'_>>, state: State) -> Result<Vec<Cut>> {
    match value.get_ref() {
        DeValue::Table(table) => in_table(text, key, value.span(), table, state),
        _ => Ok(vec![(value.span(), short(state))]),
    }
}

pub(super) fn all_off(text: &str, more: &BTreeSet<String>) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let mut missing: BTreeSet<&str> = more.iter().map(String::as_str).collect();
    let mut all = Vec::new();
    match get(root.get_ref(), "flags").map(|(_, flags)| flags.get_ref()) {
        Some(DeValue::Table(flags)) => {
            for (key, value) in flags {
                missing.remove(key.get_ref().as_ref());
                all.extend(cuts(text, key.get_ref(), value, State::Off).ok()?);
            }
        }
        None => {}
        Some(_) => return None,
    }
    let off = cut(text, all);
    missing.into_iter().try_fold(off, |text, key| set(&text, key, State::Off).ok())
}

pub(super) fn of_off(keys: &BTreeSet<String>) -> String {
    keys.iter().fold(String::from("[flags]\n"), |text, key| text + &entry(key, State::Off))
}

pub(super) fn names(text: &str, table: &str) -> Vec<(String, usize)> {
    let Ok(root) = DeTable::parse(text) else { return Vec::new() };
    match get(root.get_ref(), table).map(|(_, table)| table.get_ref()) {
        Some(DeValue::Table(table)) => table.keys().map(|key| (key.get_ref().to_string(), key.span().start)).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn declare(text: &str, key: &FlagKey, fields: &[(&str, Value)]) -> (String, String) {
    let mut entry = format!("[flags.{}]\n", quoted(key.as_str()));
    for (name, value) in fields {
        // A text of JSON without control characters is one of TOML; a day stands without quotes.
        let value = match value.as_str().filter(|_| matches!(*name, "created" | "expires")) {
            Some(day) => day.to_owned(),
            None => value.to_string(),
        };
        let _ = writeln!(entry, "{name} = {value}");
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { newline(text) };
    let new = format!("{text}{end}{}{}", newline(text), entry.replace('\n', newline(text)));
    (new, entry)
}

/// How lines end in a text.
fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn quoted(key: &str) -> String {
    if key.contains('.') { format!("\"{key}\"") } else { key.to_owned() }
}

/// The keys of flags that can be made out in a text that is not well-formed, line by line.
pub(super) fn salvaged(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut in_flags = false;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_start_matches('[').split(']').next().unwrap_or_default().trim();
            in_flags = header == "flags";
            keys.extend(header.strip_prefix("flags.").and_then(first_part));
        } else if in_flags && !line.starts_with('#') {
            keys.extend(line.split_once('=').and_then(|(key, _)| first_part(key)));
        }
    }
    keys
}

/// The first part of a dotted key.
fn first_part(key: &str) -> Option<String> {
    let key = key.trim();
    let part = match key.chars().next()? {
        quote @ ('"' | '\'') => key.get(1..)?.split(quote).next()?,
        _ => key.split('.').next()?.trim(),
    };
    Some(part.to_owned())
}

fn get<'t, 'd>(table: &'t DeTable<'d>, name: &str) -> Option<(Range<usize>, &'t Spanned<DeValue<'d>>)> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(key, value)| (key.span(), value))
}

fn entry(key: &str, state: State) -> String {
    format!("{} = {}\n", quoted(key), short(state))
}

/// Puts a line in at a place, which begins a line.
fn with_line(text: &str, at: usize, line: &str) -> String {
    let (before, after) = text.split_at(at);
    let line = line.replace('\n', newline(text));
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { newline(text) };
    format!("{before}{end}{line}{after}")
}

/// Adds a flag: behind the header of `[flags]` or, where there is none, at the end in a table of its own.
fn added(text: &str, key: &str, state: State) -> String {
    let header = text.split_inclusive('\n').scan(0, |at, line| {
        *at += line.len();
        Some((*at, line))
    });
    let is_flags = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().trim();
        line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|name| name.trim() == "flags")
    };
    if let Some((end, _)) = header.into_iter().find(|(_, line)| is_flags(line)) {
        with_line(text, end, &entry(key, state))
    } else {
        let rollout = match state {
            State::Off | State::ON => String::new(),
            state @ State::At(_) => format!("rollout = {}\n", state.number()),
        };
        let on = state != State::Off;
        with_line(text, text.len(), &format!("\n[flags.{}]\non = {on}\n{rollout}", quoted(key)))
    }
}

/// Sets `on` and `rollout` of a flag in the long form.
fn in_table(text: &str, key: &str, span: Range<usize>, table: &DeTable<'_>, state: State) -> Result<Vec<Cut>> {
    let value = |name: &str| get(table, name).map(|(_, value)| value.span());
    let on = state != State::Off;
    let mut cuts: Vec<Cut> = Vec::new();
    let mut missing = Vec::new();
    match value("on") {
        Some(range) => cuts.push((range, on.to_string())),
        None if on => missing.push(format!("on = {on}")),
        None => {}
    }
    match value("rollout") {
        // Off is off, and what it was at is worth knowing.
        Some(range) if on => cuts.push((range, state.number())),
        None if on && state != State::ON => missing.push(format!("rollout = {}", state.number())),
        _ => {}
    }
    if !missing.is_empty() {
        cuts.push(insertion(text, key, span, table, &missing)?);
    }
    Ok(cuts)
}

/// Where to put entries that are missing in a table, and how they are written there.
fn insertion(text: &str, key: &str, span: Range<usize>, table: &DeTable<'_>, missing: &[String]) -> Result<Cut> {
    let newline = newline(text);
    if text[span.clone()].starts_with('{') {
        let at = span.start + 1;
        let comma = if table.is_empty() { " " } else { "," };
        return Ok((at..at, format!(" {}{comma}", missing.join(", "))));
    }
    // Beside an entry that stands on a line of its own, with whatever is before its name: behind `on`, else at the top.
    let mut anchors: Vec<(&str, Range<usize>, Range<usize>)> =
        table.iter().map(|(name, value)| (name.get_ref().as_ref(), name.span(), value.span())).collect();
    anchors.sort_by_key(|(name, span, _)| (*name != "on", span.start));
    for (name, span, value) in anchors {
        if text.get(span.end..value.start).unwrap_or_default().trim() == "=" {
            let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
            let prefix = &text[start..span.start];
            let lines = missing.iter().map(|entry| prefix.to_owned() + entry).collect::<Vec<_>>().join(newline);
            if name != "on" {
                return Ok((start..start, lines + newline));
            }
            let end = text[value.end..].find(newline).map_or(text.len(), |at| value.end + at);
            return Ok((end..end, newline.to_owned() + &lines));
        }
    }
    // Behind the header of the table.
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let header = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next());
        let name = header.and_then(|header| header.trim().strip_prefix("flags.")).and_then(first_part);
        if name.as_deref() == Some(key) && !line.trim().starts_with("[[") {
            let lines = missing.join(newline) + newline;
            let lines = if line.ends_with('\n') { lines } else { format!("{newline}{lines}") };
            return Ok((at..at, lines));
        }
    }
    Err(Failure::new(Exit::Conflict, format!("{key} is written in a way that cannot be added to"))
        .with_help(format!("write `{}` into it by hand, and go on from there", missing.join("` and `"))))
}

#[cfg(test)]
mod tests {
    use super::super::all_off;
    use super::*;
    use flagkit_sources::document::Format;

    fn state(percent: &str) -> State {
        if percent == "0" { State::Off } else { percent.parse().expect(percent) }
    }

    #[track_caller]
    fn check(before: &str, key: &str, to: &str, after: &str) {
        assert_eq!(set(before, key, state(to)).expect("it can be set"), after);
        let read = ::toml::from_str::<::toml::Table>(after);
        assert!(read.is_ok(), "{read:?}");
    }

    #[test]
    fn the_short_form_keeps_its_comment() {
        check("# a\n[flags]\nx = false   # why\ny = true\n", "x", "100", "# a\n[flags]\nx = true   # why\ny = true\n");
        check("[flags]\nx = true\n", "x", "12.5", "[flags]\nx = \"12.5%\"\n");
        check("[flags]\nx = \"12.5%\"", "x", "0", "[flags]\nx = false");
        check("flags = { x = false, y = true }\n", "x", "100", "flags = { x = true, y = true }\n");
    }

    #[test]
    fn the_long_form_changes_where_it_says_so() {
        check(
            "[flags.x]\non = true # c\nrollout = 25 # d\n",
            "x",
            "50",
            "[flags.x]\non = true # c\nrollout = 50 # d\n",
        );
        check("[flags.x]\non = true\nrollout = 25\n", "x", "0", "[flags.x]\non = false\nrollout = 25\n");
        check("[flags.x]\non = true\nrollout = 25\n", "x", "100", "[flags.x]\non = true\nrollout = 100\n");
        check("[flags.x]\non = false\n", "x", "100", "[flags.x]\non = true\n");
        check("[flags.x]\nowner = \"me\"\n", "x", "10", "[flags.x]\non = true\nrollout = 10\nowner = \"me\"\n");
        check("[flags.x]\r\nowner = \"me\"\r\n", "x", "100", "[flags.x]\r\non = true\r\nowner = \"me\"\r\n");
        check("[flags]\nx = { on = true }\n", "x", "10", "[flags]\nx = { rollout = 10, on = true }\n");
        check("[flags]\nx = {}\n", "x", "100", "[flags]\nx = { on = true }\n");
        check("[flags]\nx.owner = \"me\"\n", "x", "100", "[flags]\nx.on = true\nx.owner = \"me\"\n");
        check("[flags.x]\n[flags.x.values]\n", "x", "100", "[flags.x]\non = true\n[flags.x.values]\n");
        check("[flags.\"a.b\"]\n\n[meta]\n", "a.b", "100", "[flags.\"a.b\"]\non = true\n\n[meta]\n");
        check(
            "[flags.x]\non = true\n[[flags.x.rules]]\nrollout = 7\n",
            "x",
            "10",
            "[flags.x]\non = true\nrollout = 10\n[[flags.x.rules]]\nrollout = 7\n",
        );
    }

    #[test]
    fn a_rollout_goes_behind_the_switch() {
        check("[flags.x]\non = true # c\na = 1\n", "x", "10", "[flags.x]\non = true # c\nrollout = 10\na = 1\n");
        check("[flags.x]\na = 1\non = true", "x", "10", "[flags.x]\na = 1\non = true\nrollout = 10");
        check("[flags]\r\nx.on = true\r\n", "x", "10", "[flags]\r\nx.on = true\r\nx.rollout = 10\r\n");
    }

    #[test]
    fn what_is_missing_is_added() {
        check("[flags]\n", "x", "100", "[flags]\nx = true\n");
        check("[flags]\na = true\n", "x", "0", "[flags]\nx = false\na = true\n");
        check("", "x", "10", "[flags]\nx = \"10%\"\n");
        check("[flags]\n", "a.b", "100", "[flags]\n\"a.b\" = true\n");
        check("[flags.a]\non = true", "x", "10", "[flags.a]\non = true\n\n[flags.x]\non = true\nrollout = 10\n");
    }

    #[test]
    fn everything_goes_off_also_in_what_cannot_be_read() {
        let text = "# c\n[flags]\nx = true\ny = \"10%\" # d\n[flags.z]\non = true\nrollout = 5\n";
        let off = "# c\n[flags]\nx = false\ny = false # d\n[flags.z]\non = false\nrollout = 5\n";
        assert_eq!(all_off(Format::Toml, text, []), off);
        let broken = "[flags]\nx = true\n\"a.b\" = = true\ny = { on = tru\n[flags.z]\non = true\n[[flags.w.rules]]\n";
        let expected = "[flags]\n\"a.b\" = false\nbelow = false\nw = false\nx = false\ny = false\nz = false\n";
        assert_eq!(all_off(Format::Toml, broken, ["below".to_owned()]), expected);
    }
}
