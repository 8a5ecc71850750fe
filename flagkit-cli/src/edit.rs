//! Changing the state of one flag in a document, and not a byte beside it.
//!
//! The text is parsed for the places of values, and then cut there: nothing is printed anew, so comments, order, spaces
//! and line ends stay as they are.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::outcome::{Exit, Failure, Result};
use crate::state::State;

/// The text with the flag in this state. A flag that is not there is added.
pub(crate) fn set(text: &str, key: &str, state: State) -> Result<String> {
    let root = DeTable::parse(text).map_err(|error| Failure::new(Exit::Findings, error.to_string()))?;
    let root = root.get_ref();
    let flags = match get(root, "flags").map(|(_, flags)| flags.get_ref()) {
        Some(DeValue::Table(flags)) => flags,
        Some(_) => return Err(Failure::new(Exit::Findings, "`flags` is no table")),
        None => return Ok(with_line(text, text.len(), &format!("[flags]\n{}", entry(key, state)))),
    };
    match get(flags, key) {
        None => Ok(added(text, key, state)),
        Some((_, value)) => match value.get_ref() {
            DeValue::Table(table) => in_table(text, key, value.span(), table, state),
            _ => Ok(replaced(text, value.span(), &short(state))),
        },
    }
}

/// The text with every flag off. Of a text that is not well-formed, a new one with the keys that can be made out in it.
pub(crate) fn all_off(text: &str, more: impl IntoIterator<Item = String>) -> String {
    let keys = |root: &DeTable<'_>| match get(root, "flags").map(|(_, flags)| flags.get_ref()) {
        Some(DeValue::Table(flags)) => flags.keys().map(|key| key.get_ref().to_string()).collect(),
        _ => Vec::new(),
    };
    let mut all: Vec<String> = more.into_iter().collect();
    if let Ok(root) = DeTable::parse(text) {
        all.extend(keys(root.get_ref()));
        all.sort();
        all.dedup();
        let off = |text: String, key: &String| set(&text, key, State::OFF).ok();
        if let Some(off) = all.iter().try_fold(text.to_owned(), off) {
            return off;
        }
    }
    all.extend(salvaged(text));
    all.sort();
    all.dedup();
    let legal = all.iter().filter(|key| flagkit_core::FlagKey::new(key).is_ok());
    legal.fold(String::from("[flags]\n"), |text, key| text + &entry(key, State::OFF))
}

/// The keys of flags that can be made out in a text that is not well-formed, line by line.
fn salvaged(text: &str) -> Vec<String> {
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

/// A state in the short form.
fn short(state: State) -> String {
    match state {
        State::OFF => "false".to_owned(),
        State::ON => "true".to_owned(),
        state => format!("\"{}\"", state.percent()),
    }
}

fn entry(key: &str, state: State) -> String {
    let quoted = if key.contains('.') { format!("\"{key}\"") } else { key.to_owned() };
    format!("{quoted} = {}\n", short(state))
}

fn replaced(text: &str, range: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..range.start], &text[range.end..])
}

/// Puts a line in at a place, which begins a line.
fn with_line(text: &str, at: usize, line: &str) -> String {
    let (before, after) = text.split_at(at);
    let line = if text.contains("\r\n") { line.replace('\n', "\r\n") } else { line.to_owned() };
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
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
        let (quoted, _) =
            entry(key, state).split_once(" = ").map(|(key, rest)| (key.to_owned(), rest.len())).unwrap_or_default();
        let rollout = if state == State::OFF || state == State::ON { String::new() } else { rollout(state) };
        let on = state != State::OFF;
        with_line(text, text.len(), &format!("\n[flags.{quoted}]\non = {on}\n{rollout}"))
    }
}

fn rollout(state: State) -> String {
    let percent = state.percent().to_string();
    format!("rollout = {}\n", percent.trim_end_matches('%'))
}

/// Sets `on` and `rollout` of a flag in the long form.
fn in_table(text: &str, key: &str, span: Range<usize>, table: &DeTable<'_>, state: State) -> Result<String> {
    let value = |name: &str| get(table, name).map(|(_, value)| value.span());
    let on = state != State::OFF;
    let percent = state.percent().to_string();
    let percent = percent.trim_end_matches('%');
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut missing = Vec::new();
    match value("on") {
        Some(range) => edits.push((range, on.to_string())),
        None if on => missing.push(format!("on = {on}")),
        None => {}
    }
    match value("rollout") {
        // Off is off, and what it was at is worth knowing.
        Some(range) if on => edits.push((range, percent.to_owned())),
        None if on && state != State::ON => missing.push(format!("rollout = {percent}")),
        _ => {}
    }
    if !missing.is_empty() {
        edits.push(insertion(text, key, span, table, &missing)?);
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut text = text.to_owned();
    for (range, with) in edits.into_iter().rev() {
        text = replaced(&text, range, &with);
    }
    Ok(text)
}

/// Where to put entries that are missing in a table, and how they are written there.
fn insertion(
    text: &str,
    key: &str,
    span: Range<usize>,
    table: &DeTable<'_>,
    missing: &[String],
) -> Result<(Range<usize>, String)> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
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
    use super::*;

    fn state(percent: &str) -> State {
        State::new(percent.parse().expect(percent))
    }

    #[track_caller]
    fn check(before: &str, key: &str, to: &str, after: &str) {
        assert_eq!(set(before, key, state(to)).expect("it can be set"), after);
        let read = toml::from_str::<toml::Table>(after);
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
        assert_eq!(all_off(text, []), off);
        let broken = "[flags]\nx = true\n\"a.b\" = = true\ny = { on = tru\n[flags.z]\non = true\n[[flags.w.rules]]\n";
        let expected = "[flags]\n\"a.b\" = false\nbelow = false\nw = false\nx = false\ny = false\nz = false\n";
        assert_eq!(all_off(broken, ["below".to_owned()]), expected);
    }
}
