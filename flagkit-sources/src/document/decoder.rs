//! The state that all parts of decoding share: the collected problems, and the limit on patterns.
//!
//! # The problem
//!
//! A decoder that returns at its first error makes its user fix one mistake per attempt. A derived one does that, and
//! has no columns.
//!
//! # The idea
//!
//! Each function decodes one part, reports its problems to the [`Decoder`], and continues with the next part. What it
//! returns matters only if it reported nothing: [`Decoder::if_clean`] drops a flag with a problem.
//!
//! ```text
//! 7:11: flags.search.rollout: got the number 250, expected a percentage from 0 to 100 …
//!  │        │                       │                     └ expected
//!  │        │                       └ got: `Node::describe`
//!  │        └ path: `join`
//!  └ location: `Lines`, from the offset of the node
//! ```
//!
//! Values that occur in many parts of a document are decoded here too: percentages, texts, arrays and tables.

use std::borrow::Cow;

use flagkit_core::Percent;
use flagkit_core::source::{Location, Problem};

use super::lines::Lines;
use super::node::{Entry, Node, Value, shorten};
use super::schedule::is_schedule;
use super::suggest::nearest;
use super::synonyms::synonym;
use super::syntax_error::{MAX_PROBLEMS, more_problems};

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
    ///
    /// `path` is the key path from the root, as [`join`] builds it. `got` and `expected` are short phrases without a
    /// full stop.
    pub(super) fn problem(&mut self, offset: usize, path: &str, got: impl Into<String>, expected: impl Into<String>) {
        self.push(|lines| lines.problem(offset, path, got, expected));
    }

    /// Reports a problem with advice on how to fix it.
    ///
    /// The advice is a sentence in the imperative, or a question: "write true, without quotes", "did you mean `on`?".
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

    /// Reports a value other than the expected one, at the offset of the value.
    pub(super) fn invalid(&mut self, path: &str, node: &Node<'_>, expected: impl Into<String>) {
        self.problem(node.offset(), path, node.describe(), expected);
    }

    /// Reports a value other than the expected one, with advice on how to fix it.
    pub(super) fn invalid_with_help(
        &mut self,
        path: &str,
        node: &Node<'_>,
        expected: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problem_with_help(node.offset(), path, node.describe(), expected, help);
    }

    /// Counts a problem, and creates and stores it if the list has room.
    fn push(&mut self, problem: impl FnOnce(&Lines<'_>) -> Problem) {
        self.found += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem(self.lines));
        }
    }

    /// Decodes a part of the document, and returns its value only if that part had no problems.
    ///
    /// Problems are compared by their number, not by the list, because the list is cut off.
    pub(super) fn if_clean<T>(&mut self, decode: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.found;
        decode(self).filter(|_| self.found == before)
    }

    /// Returns the problems in the order of the document.
    ///
    /// Decoding does not follow that order: `variants` is decoded before the rules that refer to it.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let Self { mut problems, found, .. } = self;
        problems.sort_by_key(Problem::location);
        if found > problems.len() {
            problems.push(more_problems(found - problems.len()));
        }
        problems
    }

    /// Returns the line and column at which a value begins, for references that are checked later.
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

    /// Decodes a percentage: a number, or a text that holds one, with or without `%`.
    ///
    /// The written form is parsed, so decimals are exact: 0.1 is a tenth of a percent and not the nearest binary
    /// fraction.
    pub(super) fn percent(&mut self, path: &str, node: &Node<'_>) -> Option<Percent> {
        let (Value::Number(text) | Value::Text(text)) = &node.value else {
            self.invalid(path, node, PERCENT);
            return None;
        };
        match text.parse() {
            Ok(percent) => Some(percent),
            Err(error) => {
                self.invalid_with_help(path, node, PERCENT, error.to_string());
                None
            }
        }
    }

    /// Decodes a text that is not empty.
    ///
    /// An empty text is a problem wherever a name or a description is expected: it is a field that was left blank.
    pub(super) fn text<'n>(&mut self, path: &str, node: &'n Node<'_>) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => {
                self.invalid(path, node, "a text that is not empty");
                None
            }
        }
    }

    /// Decodes `by`: the name of the attribute that is hashed instead of the id.
    ///
    /// `by = "id"` is a problem, because it would look up an attribute of that name and find none.
    pub(super) fn hashed_attribute<'n>(&mut self, path: &str, node: &'n Node<'_>) -> Option<&'n str> {
        let name = self.text(path, node)?;
        if name == "id" {
            let help = "the id is not an attribute; leave out `by` to hash the id";
            self.invalid_with_help(path, node, "the name of an attribute", help);
            return None;
        }
        Some(name)
    }

    /// Decodes the elements of an array. A value that is not an array counts as its only element.
    ///
    /// `decode` gets each element with the path of the array. Elements that it cannot decode are left out of the
    /// result.
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
    ///
    /// After a report it returns no elements, so that a caller needs no case of its own.
    pub(super) fn array<'n, 't>(&mut self, path: &str, node: &'n Node<'t>, of: &str) -> &'n [Node<'t>] {
        if let Value::Array(items) = &node.value {
            return items;
        }
        self.invalid(path, node, format!("an array of {of}"));
        &[]
    }

    /// Returns the entries of a table, or reports that the value is not one; `of` names the entries.
    ///
    /// After a report it returns no entries, so that a caller needs no case of its own.
    pub(super) fn table<'n, 't>(&mut self, path: &str, node: &'n Node<'t>, of: &str) -> &'n [Entry<'t>] {
        if let Value::Table(entries) = &node.value {
            return entries;
        }
        self.invalid(path, node, format!("a table of {of}"));
        &[]
    }

    /// Reports a key that is not in `known`, with the likeliest correction as advice.
    ///
    /// In this order: a word that was cut off, a schedule, a word of another tool, a spelling mistake, and a flag that
    /// is not in `flags`.
    pub(super) fn unknown(&mut self, base: &str, entry: &Entry<'_>, known: &[&str]) {
        let path = join(base, &entry.name);
        let got = unknown_key(&entry.name);
        if let Some(word) = known.iter().find(|word| entry.name.len() > 2 && word.starts_with(&*entry.name)) {
            self.problem_with_help(entry.offset, &path, got, one_of(known), format!("did you mean `{word}`?"));
        } else if is_schedule(&entry.name) {
            let help = "to turn a flag on at a certain time, change this file at that time";
            self.problem_with_help(entry.offset, &path, got, "no schedule: time never turns anything on", help);
        } else if let Some(word) = synonym(&entry.name, known).or_else(|| nearest(&entry.name, known.iter().copied())) {
            self.problem_with_help(entry.offset, &path, got, one_of(known), format!("did you mean `{word}`?"));
        } else if let (true, Value::Bool(_) | Value::Table(_)) = (base.is_empty(), &entry.node.value) {
            let help = "declare flags in the table `flags`";
            self.problem_with_help(entry.offset, &path, got, one_of(known), help);
        } else {
            self.problem(entry.offset, &path, got, one_of(known));
        }
    }
}

/// Lists words for a problem: "one of `a`, `b` or `c`". The order is that of the list.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        [first @ .., last] => format!("one of `{}` or `{last}`", first.join("`, `")),
    }
}

/// Describes an unknown key for a problem, shortened and in quotes where the key path has them.
pub(super) fn unknown_key(name: &str) -> String {
    format!("the unknown key `{}`", quoted(name))
}

/// Describes a key that is not legal for a problem, in the form that [`unknown_key`] gives it.
pub(super) fn illegal_key(name: &str) -> String {
    format!("the key `{}`", quoted(name))
}

/// Returns the key path `base`, extended by `name`: `flags.search.rules[0].if`.
///
/// The path of a problem has the form in which TOML writes a key, so that a user can search for its end.
pub(super) fn join(base: &str, name: &str) -> String {
    if base.is_empty() { quoted(name).into_owned() } else { format!("{base}.{}", quoted(name)) }
}

/// Returns a name in the form it has in a key path: in quotes where TOML requires them, and shortened if it is long.
fn quoted(name: &str) -> Cow<'_, str> {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { shorten(name) } else { Cow::Owned(format!("{:?}", shorten(name))) }
}
