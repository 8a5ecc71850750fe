//! What all parts of the decoding share: collecting problems, and the values that occur everywhere.

use std::borrow::Cow;

use flagkit_core::Percent;
use flagkit_core::source::{Location, Problem};

use super::lines::Lines;
use super::node::{Entry, Node, Value, shorten};
use super::suggest::nearest;
use super::{MAX_PROBLEMS, problems_more};

/// What people write who want a timer, in lower case and without what joins words.
const SCHEDULES: [&str; 15] = [
    "after",
    "at",
    "before",
    "cron",
    "crontab",
    "end",
    "ends",
    "from",
    "schedule",
    "scheduled",
    "schedules",
    "start",
    "starts",
    "timer",
    "until",
];
/// What they want to happen, before a word for the time.
const EVENTS: [&str; 24] = [
    "activate",
    "activated",
    "active",
    "activation",
    "deactivate",
    "disable",
    "disabled",
    "enable",
    "enabled",
    "end",
    "ends",
    "golive",
    "launch",
    "live",
    "off",
    "on",
    "release",
    "released",
    "rollout",
    "start",
    "starts",
    "turnoff",
    "turnon",
    "valid",
];
/// Words for the time of an event.
const TIMES: [&str; 9] = ["after", "at", "before", "by", "date", "from", "since", "time", "until"];

/// Tells whether a key is what people write who want a timer.
pub(super) fn is_schedule(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' '));
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).take(MOST_LETTERS).collect();
    let is_event = |event: &&str| plain.strip_prefix(*event).is_some_and(|time| TIMES.contains(&time));
    SCHEDULES.contains(&plain.as_str()) || EVENTS.iter().any(is_event)
}

/// One more than the longest event and the longest time have.
const MOST_LETTERS: usize = 17;

pub(super) const PERCENT: &str = "a percentage from 0 to 100 with at most 6 decimals";

/// Collects the problems of a document.
pub(super) struct Decoder<'a> {
    lines: &'a Lines<'a>,
    problems: Vec<Problem>,
    /// How many there are, listed or not.
    found: usize,
    /// How many more patterns may be compiled: each takes memory.
    patterns: usize,
}

const MAX_PATTERNS: usize = 1_000;

impl<'a> Decoder<'a> {
    pub(super) fn new(lines: &'a Lines<'a>) -> Self {
        Self { lines, problems: Vec::new(), found: 0, patterns: MAX_PATTERNS }
    }

    /// Reports that something else was got than expected.
    pub(super) fn problem(&mut self, offset: usize, path: &str, got: impl Into<String>, expected: impl Into<String>) {
        self.push(|lines| lines.problem(offset, path, got, expected));
    }

    /// The same, with what to do about it.
    pub(super) fn problem_with_help(
        &mut self,
        offset: usize,
        path: &str,
        got: impl Into<String>,
        expected: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(|lines| lines.problem(offset, path, got, expected).with_help(help));
    }

    fn push(&mut self, problem: impl FnOnce(&Lines<'_>) -> Problem) {
        self.found += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem(self.lines));
        }
    }

    /// Runs a part of the decoding; its result counts if it had no problems.
    pub(super) fn faultless<T>(&mut self, decode: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let known = self.found;
        decode(self).filter(|_| self.found == known)
    }

    /// Returns the problems, in the order of the document.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let Self { mut problems, found, .. } = self;
        problems.sort_by_key(Problem::location);
        if found > problems.len() {
            problems.push(problems_more(found - problems.len()));
        }
        problems
    }

    pub(super) fn location(&self, node: &Node<'_>) -> Location {
        self.lines.location(node.offset)
    }

    /// Takes one of the patterns that a document may have.
    pub(super) fn take_pattern(&mut self) -> Result<(), String> {
        match self.patterns.checked_sub(1) {
            Some(left) => {
                self.patterns = left;
                Ok(())
            }
            None => Err(format!("the document has more than {MAX_PATTERNS} patterns")),
        }
    }

    pub(super) fn percent(&mut self, path: &str, node: &Node<'_>) -> Option<Percent> {
        let (Value::Number(text) | Value::Text(text)) = &node.value else {
            self.problem(node.offset, path, node.describe(), PERCENT);
            return None;
        };
        match text.parse() {
            Ok(percent) => Some(percent),
            Err(error) => {
                self.problem_with_help(node.offset, path, node.describe(), PERCENT, format!("that is {error}"));
                None
            }
        }
    }

    /// A text that is not empty.
    pub(super) fn text<'n>(&mut self, path: &str, node: &'n Node<'_>) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => {
                self.problem(node.offset, path, node.describe(), "a text that is not empty");
                None
            }
        }
    }

    /// The name of the attribute that is hashed in place of the id.
    pub(super) fn hashed_attribute<'n>(&mut self, path: &str, node: &'n Node<'_>) -> Option<&'n str> {
        let name = self.text(path, node)?;
        if name == "id" {
            let help = "the id is no attribute; it is what is hashed where `by` is left out";
            self.problem_with_help(node.offset, path, node.describe(), "the name of an attribute", help);
            return None;
        }
        Some(name)
    }

    /// The elements of an array, each decoded; a value by itself stands for an array of one.
    pub(super) fn one_or_more<'n, 't, T>(
        &mut self,
        path: &str,
        node: &'n Node<'t>,
        mut decode: impl FnMut(&mut Self, &str, &'n Node<'t>) -> Option<T>,
    ) -> Vec<T> {
        match &node.value {
            Value::Array(items) => items.iter().filter_map(|item| decode(self, path, item)).collect(),
            _ => decode(self, path, node).into_iter().collect(),
        }
    }

    /// The elements of what must be an array.
    pub(super) fn array<'n, 't>(&mut self, path: &str, node: &'n Node<'t>, of: &str) -> &'n [Node<'t>] {
        if let Value::Array(items) = &node.value {
            return items;
        }
        self.problem(node.offset, path, node.describe(), format!("an array of {of}"));
        &[]
    }

    /// The entries of what must be a table.
    pub(super) fn table<'n, 't>(&mut self, path: &str, node: &'n Node<'t>, of: &str) -> &'n [Entry<'t>] {
        if let Value::Table(entries) = &node.value {
            return entries;
        }
        self.problem(node.offset, path, node.describe(), format!("a table of {of}"));
        &[]
    }

    /// Reports a key that is none of those known.
    pub(super) fn unknown(&mut self, base: &str, entry: &Entry<'_>, known: &[&str]) {
        let path = join(base, &entry.name);
        let got = unknown_key(&entry.name);
        if let Some(word) = known.iter().find(|word| entry.name.len() > 2 && word.starts_with(&*entry.name)) {
            self.problem_with_help(entry.offset, &path, got, one_of(known), format!("did you mean `{word}`?"));
        } else if is_schedule(&entry.name) {
            let help = "a flag is turned on by a human who changes this file at the time, never by a clock";
            self.problem_with_help(entry.offset, &path, got, "no schedule: time never turns anything on", help);
        } else if let Some(word) = nearest(&entry.name, known.iter().copied()) {
            self.problem_with_help(entry.offset, &path, got, one_of(known), format!("did you mean `{word}`?"));
        } else if let (true, Value::Bool(_) | Value::Table(_)) = (base.is_empty(), &entry.node.value) {
            let help = "flags stand in the table `flags`";
            self.problem_with_help(entry.offset, &path, got, one_of(known), help);
        } else {
            self.problem(entry.offset, &path, got, one_of(known));
        }
    }
}

/// A list of words, for problems.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        [first @ .., last] => format!("one of `{}` or `{last}`", first.join("`, `")),
    }
}

pub(super) fn unknown_key(name: &str) -> String {
    format!("the unknown key `{}`", quoted(name))
}

/// A key path, one name longer.
pub(super) fn join(base: &str, name: &str) -> String {
    if base.is_empty() { quoted(name).into_owned() } else { format!("{base}.{}", quoted(name)) }
}

/// A name as it stands in a key path: quoted where TOML would have it so.
fn quoted(name: &str) -> Cow<'_, str> {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { shorten(name) } else { Cow::Owned(format!("{:?}", shorten(name))) }
}
