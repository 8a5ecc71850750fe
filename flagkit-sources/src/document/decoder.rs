//! The state that all parts of decoding share: the collected problems, and the limit on patterns.
//!
//! Values that occur in many parts of a document are decoded here too, for example percentages and texts.

use std::borrow::Cow;

use flagkit_core::Percent;
use flagkit_core::source::{Location, Problem};

use super::lines::Lines;
use super::node::{Entry, Node, Value, shorten};
use super::suggest::nearest;
use super::syntax_error::{MAX_PROBLEMS, more_problems};

/// Keys that people write for a schedule: in lower case, without separators between words.
const SCHEDULE_KEYS: [&str; 15] = [
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
/// Words for an event. Followed by one of [`TIMES`], they are keys for a schedule as well.
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
/// Words for the time of an event, such as `at` in `start_at`.
const TIMES: [&str; 9] = ["after", "at", "before", "by", "date", "from", "since", "time", "until"];

/// Returns whether a key is one that people write for a schedule.
pub(super) fn is_schedule(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' '));
    let joined: String = letters.map(|c| c.to_ascii_lowercase()).take(MAX_LETTERS).collect();
    let is_event = |event: &&str| joined.strip_prefix(*event).is_some_and(|time| TIMES.contains(&time));
    SCHEDULE_KEYS.contains(&joined.as_str()) || EVENTS.iter().any(is_event)
}

/// One letter more than the longest event and the longest time have together, so that a longer key matches nothing.
const MAX_LETTERS: usize = 17;

/// What a problem says was expected where a percentage is invalid.
pub(super) const PERCENT: &str = "a percentage from 0 to 100 with at most 6 decimals";

/// The collector of a document's problems.
///
/// [`flags::decode`](super::flags::decode) owns the only one, and passes it to every function that decodes a part. Such
/// a function reports a problem here and continues, so one load lists all problems. Keys and values are never kept.
pub(super) struct Decoder<'a> {
    lines: &'a Lines<'a>,
    problems: Vec<Problem>,
    /// The number of problems, including those that are not listed.
    found: usize,
    /// How many more patterns the document may have. Each compiled pattern takes memory.
    patterns_left: usize,
}

/// How many patterns a document may have.
const MAX_PATTERNS: usize = 1_000;

impl<'a> Decoder<'a> {
    pub(super) fn new(lines: &'a Lines<'a>) -> Self {
        Self { lines, problems: Vec::new(), found: 0, patterns_left: MAX_PATTERNS }
    }

    /// Reports what was got at the offset, and what was expected there.
    pub(super) fn problem(&mut self, offset: usize, path: &str, got: impl Into<String>, expected: impl Into<String>) {
        self.push(|lines| lines.problem(offset, path, got, expected));
    }

    /// Reports a problem with advice on how to fix it.
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

    /// Decodes a part of the document, and returns its value only if that part had no problems.
    pub(super) fn if_clean<T>(&mut self, decode: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.found;
        decode(self).filter(|_| self.found == before)
    }

    /// Returns the problems in the order of the document.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let Self { mut problems, found, .. } = self;
        problems.sort_by_key(Problem::location);
        if found > problems.len() {
            problems.push(more_problems(found - problems.len()));
        }
        problems
    }

    pub(super) fn location(&self, node: &Node<'_>) -> Location {
        self.lines.location(node.offset())
    }

    /// Counts one more pattern, and returns an error when the document has too many.
    pub(super) fn take_pattern(&mut self) -> Result<(), String> {
        match self.patterns_left.checked_sub(1) {
            Some(left) => {
                self.patterns_left = left;
                Ok(())
            }
            None => Err(format!("the document has more than {MAX_PATTERNS} patterns")),
        }
    }

    /// Decodes a percentage: a number, or a text that holds one.
    pub(super) fn percent(&mut self, path: &str, node: &Node<'_>) -> Option<Percent> {
        let (Value::Number(text) | Value::Text(text)) = &node.value else {
            self.problem(node.offset(), path, node.describe(), PERCENT);
            return None;
        };
        match text.parse() {
            Ok(percent) => Some(percent),
            Err(error) => {
                self.problem_with_help(node.offset(), path, node.describe(), PERCENT, format!("that is {error}"));
                None
            }
        }
    }

    /// Decodes a text that is not empty.
    pub(super) fn text<'n>(&mut self, path: &str, node: &'n Node<'_>) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => {
                self.problem(node.offset(), path, node.describe(), "a text that is not empty");
                None
            }
        }
    }

    /// Decodes the name of the attribute that is hashed instead of the id.
    pub(super) fn hashed_attribute<'n>(&mut self, path: &str, node: &'n Node<'_>) -> Option<&'n str> {
        let name = self.text(path, node)?;
        if name == "id" {
            let help = "the id is not an attribute; leave out `by` to hash the id";
            self.problem_with_help(node.offset(), path, node.describe(), "the name of an attribute", help);
            return None;
        }
        Some(name)
    }

    /// Decodes the elements of an array. A value that is not an array counts as its only element.
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

    /// Returns the elements of an array, or reports that the value is not one; `of` names the elements.
    pub(super) fn array<'n, 't>(&mut self, path: &str, node: &'n Node<'t>, of: &str) -> &'n [Node<'t>] {
        if let Value::Array(items) = &node.value {
            return items;
        }
        self.problem(node.offset(), path, node.describe(), format!("an array of {of}"));
        &[]
    }

    /// Returns the entries of a table, or reports that the value is not one; `of` names the entries.
    pub(super) fn table<'n, 't>(&mut self, path: &str, node: &'n Node<'t>, of: &str) -> &'n [Entry<'t>] {
        if let Value::Table(entries) = &node.value {
            return entries;
        }
        self.problem(node.offset(), path, node.describe(), format!("a table of {of}"));
        &[]
    }

    /// Reports a key that is not in `known`, with the likeliest correction as advice.
    pub(super) fn unknown(&mut self, base: &str, entry: &Entry<'_>, known: &[&str]) {
        let path = join(base, &entry.name);
        let got = unknown_key(&entry.name);
        if let Some(word) = known.iter().find(|word| entry.name.len() > 2 && word.starts_with(&*entry.name)) {
            self.problem_with_help(entry.offset, &path, got, one_of(known), format!("did you mean `{word}`?"));
        } else if is_schedule(&entry.name) {
            let help = "to turn a flag on at a certain time, change this file at that time";
            self.problem_with_help(entry.offset, &path, got, "no schedule: time never turns anything on", help);
        } else if let Some(word) = nearest(&entry.name, known.iter().copied()) {
            self.problem_with_help(entry.offset, &path, got, one_of(known), format!("did you mean `{word}`?"));
        } else if let (true, Value::Bool(_) | Value::Table(_)) = (base.is_empty(), &entry.node.value) {
            let help = "declare flags in the table `flags`";
            self.problem_with_help(entry.offset, &path, got, one_of(known), help);
        } else {
            self.problem(entry.offset, &path, got, one_of(known));
        }
    }
}

/// Lists words for a problem: "one of `a`, `b` or `c`".
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        [first @ .., last] => format!("one of `{}` or `{last}`", first.join("`, `")),
    }
}

/// Describes an unknown key for a problem.
pub(super) fn unknown_key(name: &str) -> String {
    format!("the unknown key `{}`", quoted(name))
}

/// Returns the key path `base`, extended by `name`.
pub(super) fn join(base: &str, name: &str) -> String {
    if base.is_empty() { quoted(name).into_owned() } else { format!("{base}.{}", quoted(name)) }
}

/// Returns a name in the form it has in a key path: in quotes where TOML requires them.
fn quoted(name: &str) -> Cow<'_, str> {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { shorten(name) } else { Cow::Owned(format!("{:?}", shorten(name))) }
}
