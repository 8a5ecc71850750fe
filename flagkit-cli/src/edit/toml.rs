//! The same in TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};
use flagkit_core::FlagKey;
use serde_json::Value;

use super::{Cut, cut, short};
use crate::report::{Exit, Failure, Result};
use crate::state::State;

pub(super) fn set(text: &str, states: &BTreeMap<&str, State>) -> Result<String> {
    let root = parse(text)?;
    let root = root.get_ref();
    let flags = get(root, "flags");
    let table = match flags.as_ref().map(|(_, flags)| flags.get_ref()) {
        Some(DeValue::Table(table)) => Some(table),
        Some(_) => return Err(Failure::new(Exit::Findings, "`flags` is no table")),
        None => None,
    };
    let (mut cuts, mut missing) = (Vec::new(), Vec::new());
    for (key, state) in states {
        match table.and_then(|table| get(table, key)) {
            Some((place, flag)) => cuts.extend(changed(text, key, place, flag, *state)),
            None => missing.push((*key, *state)),
        }
    }
    if !missing.is_empty() {
        cuts.extend(raised_count(text, root, table.map_or(0, DeTable::len), missing.len()));
        cuts.push(added(text, flags, &missing));
    }
    let new = cut(text, cuts);
    match unchanged(&new, states) {
        None => Ok(new),
        Some(key) => Err(Failure::new(Exit::Conflict, format!("{key} is written in a way that cannot be changed"))
            .with_help("write it as `[flags.NAME]` with lines of its own, and begin again")),
    }
}

/// A flag of which the text does not say so.
fn unchanged<'k>(text: &str, states: &BTreeMap<&'k str, State>) -> Option<&'k str> {
    let root = parse(text).ok();
    let flags = root.as_ref().and_then(|root| get(root.get_ref(), "flags")).map(|(_, flags)| flags.get_ref());
    let is_so = |key: &str, state| match flags {
        Some(DeValue::Table(flags)) => is_so(text, flags, key, state),
        _ => false,
    };
    states.iter().find(|(key, state)| !is_so(key, **state)).map(|(key, _)| *key)
}

/// Whether the text says so, whatever else is wrong with the flag.
fn is_so(text: &str, flags: &DeTable<'_>, key: &str, state: State) -> bool {
    let said = |value: &Spanned<DeValue<'_>>| text.get(value.span()).map(str::to_owned);
    match get(flags, key).map(|(_, flag)| (flag.get_ref(), flag)) {
        Some((DeValue::Table(table), _)) => {
            let on = get(table, "on").and_then(|(_, on)| said(on));
            let rollout = get(table, "rollout").and_then(|(_, rollout)| said(rollout));
            match state {
                State::Off => on.as_deref() != Some("true"),
                State::At(_) => {
                    on.as_deref() == Some("true") && rollout.unwrap_or_else(|| State::ON.number()) == state.number()
                }
            }
        }
        Some((_, flag)) => said(flag) == Some(short(state)),
        None => false,
    }
}

pub(super) fn all_off(text: &str, more: &BTreeSet<String>) -> Option<String> {
    let known = names(text, "flags");
    let keys = known.iter().map(|(key, _)| key.as_str()).chain(more.iter().map(String::as_str));
    set(text, &keys.map(|key| (key, State::Off)).collect()).ok()
}

pub(super) fn of_off(keys: &BTreeSet<String>) -> String {
    keys.iter().fold(String::from("[flags]\n"), |text, key| text + &entry(key, State::Off))
}

pub(super) fn names(text: &str, table: &str) -> Vec<(String, usize)> {
    let Ok(root) = parse(text) else { return Vec::new() };
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
    let root = parse(text).ok();
    let count = names(text, "flags").len();
    let raised = root.as_ref().and_then(|root| raised_count(text, root.get_ref(), count, 1));
    let new = cut(text, raised.into_iter().collect());
    (format!("{new}{end}{}{}", newline(text), entry.replace('\n', newline(text))), entry)
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
    let is_blank = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    for line in text.lines().map(|line| line.trim_matches(is_blank)) {
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

fn parse(text: &str) -> Result<Spanned<DeTable<'_>>> {
    DeTable::parse(text).map_err(|error| Failure::new(Exit::Findings, error.to_string()))
}

fn get<'t, 'd>(table: &'t DeTable<'d>, name: &str) -> Option<(Range<usize>, &'t Spanned<DeValue<'d>>)> {
    table.get_key_value(name).map(|(key, value)| (key.span(), value))
}

fn entry(key: &str, state: State) -> String {
    format!("{} = {}\n", quoted(key), short(state))
}

/// How a table is written, and where entries may be put into it.
enum Form {
    /// With a header: at the beginning of the line behind it.
    Header(usize),
    /// `{ … }`: behind the bracket.
    Inline(usize),
    /// By the header of a table within it: where that line begins.
    Above(usize),
    /// By dotted keys on lines of their own: where the line of the first begins, and what stands before its own name.
    Dotted(usize, String),
    /// By dotted keys within `{ … }`: where the first begins.
    DottedInline(usize),
}

/// The form of a table whose name stands at `key`, in a table that may be inline.
fn form(text: &str, key: &Range<usize>, value: &Range<usize>) -> Form {
    let begin = text[..key.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[begin..key.start];
    if text[value.clone()].starts_with('{') {
        Form::Inline(value.start + 1)
    } else if value.start < key.start && text[value.clone()].starts_with('[') {
        Form::Header(text[value.end..].find('\n').map_or(text.len(), |at| value.end + at + 1))
    } else if before.trim_start().starts_with('[') {
        Form::Above(begin)
    } else if before.contains('{') {
        Form::DottedInline(key.start)
    } else {
        Form::Dotted(begin, before.to_owned())
    }
}

/// Lines that are put in where a line begins, or at the end of a text that may not end its last line.
fn lines(text: &str, at: usize, lines: &str) -> Cut {
    let begins = text[..at].is_empty() || text[..at].ends_with('\n');
    let lines = lines.replace('\n', newline(text));
    // A text that does not end its last line goes on like that, unless a table is added to it.
    let lines = if begins || lines.starts_with(newline(text)) { lines } else { lines.trim_end().to_owned() };
    (at..at, if begins { lines } else { newline(text).to_owned() + &lines })
}

/// Flags that are not there yet.
fn added(text: &str, flags: Option<(Range<usize>, &Spanned<DeValue<'_>>)>, missing: &[(&str, State)]) -> Cut {
    let all: String = missing.iter().map(|(key, state)| entry(key, *state)).collect();
    let Some((key, value)) = flags else {
        let gap = if text.trim().is_empty() { "" } else { "\n" };
        return lines(text, text.len(), &format!("{gap}[flags]\n{all}"));
    };
    let inline: Vec<String> =
        missing.iter().map(|(key, state)| format!("{} = {}", quoted(key), short(*state))).collect();
    match form(text, &key, &value.span()) {
        Form::Header(at) => lines(text, at, &all),
        Form::Inline(at) => {
            let is_empty = matches!(value.get_ref(), DeValue::Table(table) if table.is_empty());
            (at..at, format!(" {}{}", inline.join(", "), if is_empty { " " } else { "," }))
        }
        // Tables within it have headers, and it has none itself.
        Form::Above(_) => lines(text, text.len(), &format!("\n[flags]\n{all}")),
        Form::Dotted(at, prefix) => {
            lines(text, at, &all.lines().fold(String::new(), |all, line| all + &prefix + "flags." + line + "\n"))
        }
        Form::DottedInline(at) => {
            (at..at, inline.iter().fold(String::new(), |all, entry| all + "flags." + entry + ", "))
        }
    }
}

/// The number of flags that a document says it has, with so many more.
fn raised_count(text: &str, root: &DeTable<'_>, count: usize, more: usize) -> Option<Cut> {
    let (_, meta) = get(root, "meta")?;
    let DeValue::Table(meta) = meta.get_ref() else { return None };
    let (_, said) = get(meta, "flags")?;
    let number: usize = text.get(said.span())?.parse().ok()?;
    (number == count).then(|| (said.span(), (count + more).to_string()))
}

/// What changes of a flag that is there.
fn changed(text: &str, key: &str, place: Range<usize>, flag: &Spanned<DeValue<'_>>, state: State) -> Vec<Cut> {
    let DeValue::Table(table) = flag.get_ref() else { return vec![(flag.span(), short(state))] };
    let on = state != State::Off;
    let mut cuts: Vec<Cut> = Vec::new();
    let mut missing = Vec::new();
    let switch = get(table, "on").map(|(_, value)| value.span());
    match &switch {
        Some(range) => cuts.push((range.clone(), on.to_string())),
        None if on => missing.push(format!("on = {on}")),
        None => {}
    }
    match get(table, "rollout") {
        // Off is off, and what it was at is worth knowing.
        Some((_, rollout)) if on => cuts.push((rollout.span(), state.number())),
        None if on && state != State::ON => missing.push(format!("rollout = {}", state.number())),
        _ => {}
    }
    if missing.is_empty() {
        return cuts;
    }
    // Behind the switch, where that has a line of its own.
    let behind = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at + 1);
    let all = |prefix: &str| missing.iter().fold(String::new(), |all, entry| all + prefix + entry + "\n");
    let own = quoted(key);
    cuts.push(match (form(text, &place, &flag.span()), switch) {
        (Form::Header(_), Some(switch)) => {
            let begin = text[..switch.start].rfind('\n').map_or(0, |at| at + 1);
            let indent: String = text[begin..switch.start].chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
            lines(text, behind(switch.end), &all(&indent))
        }
        (Form::Header(at), None) => lines(text, at, &all("")),
        (Form::Inline(at), _) => {
            (at..at, format!(" {}{}", missing.join(", "), if table.is_empty() { " " } else { "," }))
        }
        (Form::Above(at), _) => lines(text, at, &format!("[flags.{own}]\n{}", all(""))),
        (Form::Dotted(at, prefix), switch) => {
            let at = switch.map_or(at, |switch| behind(switch.end));
            lines(text, at, &all(&format!("{prefix}{own}.")))
        }
        (Form::DottedInline(at), _) => {
            (at..at, missing.iter().fold(String::new(), |all, entry| format!("{all}{own}.{entry}, ")))
        }
    });
    cuts
}

#[cfg(test)]
mod tests {
    use flagkit_sources::document::Format;

    use super::super::{of_off, salvaged};
    use super::{BTreeMap, BTreeSet, State, all_off, set};

    fn state(percent: &str) -> State {
        if percent == "0" { State::Off } else { percent.parse().expect(percent) }
    }

    #[track_caller]
    fn check(before: &str, key: &str, to: &str, after: &str) {
        let states = BTreeMap::from([(key, state(to))]);
        assert_eq!(set(before, &states).expect("it can be set"), after);
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
        check("[flags.a]\non = true", "x", "10", "[flags.a]\non = true\n\n[flags]\nx = \"10%\"\n");
    }

    #[test]
    fn every_shape_of_a_table_can_be_changed() {
        check(
            "[flags.x]\non = true\n[flags.y]\non = true\r\n",
            "x",
            "10",
            "[flags.x]\non = true\nrollout = 10\r\n[flags.y]\non = true\r\n",
        );
        let text = "[meta]\nd = \"\"\"\n[flags]\n\"\"\"\n[flags.y]\non = false\n";
        check(text, "x", "0", &format!("{text}\n[flags]\nx = false\n"));
        check("flags = {y=true}", "x", "0", "flags = { x = false,y=true}");
        check("flags = {}", "x", "0", "flags = { x = false }");
        check("flags = { x.on = true }", "x", "10", "flags = { x.rollout = 10, x.on = true }");
        check("flags.y = true\na = 1\n", "x", "10", "flags.x = \"10%\"\nflags.y = true\na = 1\n");
        check("flags.x.on = true\n", "x", "10", "flags.x.on = true\nflags.x.rollout = 10\n");
        check(
            "[[flags.x.rules]]\nrollout = 7\n",
            "x",
            "10",
            "[flags.x]\non = true\nrollout = 10\n[[flags.x.rules]]\nrollout = 7\n",
        );
        check("[ flags ]  # c\n  y = true", "x", "0", "[ flags ]  # c\nx = false\n  y = true");
        check(
            "[meta]\nflags = 1 # c\n[flags]\ny = true\n",
            "x",
            "0",
            "[meta]\nflags = 2 # c\n[flags]\nx = false\ny = true\n",
        );
        check("[flags.x]\non = true\nrollout = \"abc\"\n", "x", "0", "[flags.x]\non = false\nrollout = \"abc\"\n");
    }

    #[test]
    fn everything_goes_off_also_in_what_cannot_be_read() {
        let text = "# c\n[flags]\nx = true\ny = \"10%\" # d\n[flags.z]\non = true\nrollout = 5\n";
        let off = "# c\n[flags]\nx = false\ny = false # d\n[flags.z]\non = false\nrollout = 5\n";
        assert_eq!(all_off(text, &BTreeSet::new()).as_deref(), Some(off));
        let broken = "[flags]\nx = true\n\"a.b\" = = true\ny = { on = tru\n[flags.z]\non = true\n[[flags.w.rules]]\n";
        let expected = "[flags]\n\"a.b\" = false\nbelow = false\nw = false\nx = false\ny = false\nz = false\n";
        assert_eq!(all_off(broken, &BTreeSet::new()), None);
        let mut keys = salvaged(Format::Toml, broken);
        keys.insert("below".to_owned());
        assert_eq!(of_off(Format::Toml, keys), expected);
    }
}
