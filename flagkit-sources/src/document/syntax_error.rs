//! Syntax errors, as both parsers collect them.
//!
//! An error of syntax is one of the format: a missing bracket, a duplicate name, a value nested too deep. A document
//! with one is refused as a whole, because it may be part of a longer one. Problems of single flags are the decoder's.
//!
//! A parser does not stop at its first error, so that the user can fix all of them at once. Each error has a byte
//! offset; [`SyntaxErrors::into_problems`] turns offsets into lines and columns when parsing is over.

use std::borrow::Cow;

use flagkit_core::source::{Location, Problem};

use super::lines::Lines;
use super::node;

/// How many problems of a document are listed. A longer list helps no reader, and takes memory.
///
/// The decoder has the same limit for problems of flags.
pub(super) const MAX_PROBLEMS: usize = 1_000;

/// A position at which the text violates the grammar of its format.
///
/// Both parsers create these. [`SyntaxErrors`] owns them until the end of parsing, and then makes a
/// [`Problem`] of each. An error of syntax has no key path, because the tree is incomplete where it occurs.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) offset: usize,
    pub(super) got: String,
    pub(super) expected: Cow<'static, str>,
    pub(super) advice: Advice,
}

/// Advice on how to fix a syntax error. [`SyntaxErrors::into_problems`] turns it into the help of a problem.
///
/// The parsers give it where they know what is wrong. For errors of the grammar, [`slips`](super::slips) adds it.
#[derive(Debug, Default)]
pub(super) enum Advice {
    #[default]
    None,
    Text(Cow<'static, str>),
    /// The name occurs first at this offset.
    FirstAt(usize),
}

impl SyntaxError {
    /// Creates an error without advice.
    pub(super) fn new(offset: usize, got: impl Into<String>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { offset, got: got.into(), expected: expected.into(), advice: Advice::None }
    }

    /// Adds advice on how to fix the error.
    pub(super) fn with_help(self, help: impl Into<Cow<'static, str>>) -> Self {
        Self { advice: Advice::Text(help.into()), ..self }
    }

    /// Returns whether the parser has given advice, so that no other explanation is needed.
    ///
    /// Errors of the grammar have none: the parser knows what it expected, and not what the author meant.
    pub(super) fn has_advice(&self) -> bool {
        !matches!(self.advice, Advice::None)
    }

    /// The error for a text of more bytes than a [`ByteRange`](node::ByteRange) can address.
    pub(super) fn too_long(len: usize) -> Self {
        Self::new(0, format!("a document of {len} bytes"), "less than 4 GiB")
    }

    /// The error for a value that is nested too deep, at the bracket or name that exceeds the limit.
    pub(super) fn too_deep(offset: usize) -> Self {
        let got = format!("a value nested more than {} levels deep", node::MAX_DEPTH);
        Self::new(offset, got, "fewer levels").with_help("close a bracket, or write fewer names with dots")
    }

    /// The error for a name that occurs before in the same table, first at the offset `first`; `container` is the
    /// format's word for a table.
    pub(super) fn duplicate_key(offset: usize, name: &str, container: &str, first: usize) -> Self {
        let got = format!("the name {:?} a second time", node::shorten(name));
        Self { advice: Advice::FirstAt(first), ..Self::new(offset, got, format!("each name once in {container}")) }
    }
}

/// All syntax errors of a document: a list of at most [`MAX_PROBLEMS`], and the total number.
///
/// Each parser owns one while it runs, and returns it next to the tree. [`Format::parse`](super::Format::parse) turns a
/// list that is not empty into a [`LoadError`](flagkit_core::source::LoadError).
#[derive(Debug, Default)]
pub(super) struct SyntaxErrors {
    pub(super) list: Vec<SyntaxError>,
    found: usize,
}

impl SyntaxErrors {
    /// Adds an error.
    pub(super) fn push(&mut self, error: SyntaxError) {
        self.push_with(error.offset, || error);
    }

    /// Adds an error, and calls `error` only if the list has room.
    ///
    /// There may be an error for every other byte of the text, so those beyond the limit are counted without a message.
    /// An error at the same offset as the last listed one is dropped.
    pub(super) fn push_with(&mut self, offset: usize, error: impl FnOnce() -> SyntaxError) {
        if self.list.last().is_some_and(|last| last.offset == offset) {
            return;
        }
        self.found += 1;
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(error());
        }
    }

    /// Replaces the listed errors. The number of errors beyond the limit stays, as no text is kept of those.
    pub(super) fn map(self, replace: impl FnOnce(Vec<SyntaxError>) -> Vec<SyntaxError>) -> Self {
        let unlisted = self.found - self.list.len();
        let list = replace(self.list);
        Self { found: list.len() + unlisted, list }
    }

    /// Adds the errors of another list, and its number of errors beyond the limit.
    pub(super) fn append(&mut self, others: Self) {
        let unlisted = others.found - others.list.len();
        others.list.into_iter().for_each(|error| self.push(error));
        self.found += unlisted;
    }

    /// Returns whether the text is well-formed.
    pub(super) fn is_empty(&self) -> bool {
        self.found == 0
    }

    /// Returns the errors as problems, in the order of the document. Of several at one offset, the first found remains.
    ///
    /// Offsets become lines and columns here, because only few errors are listed of many that may occur.
    pub(super) fn into_problems(mut self, lines: &Lines<'_>) -> Vec<Problem> {
        let more = self.found - self.list.len();
        self.list.sort_by_key(|error| error.offset);
        self.list.dedup_by_key(|error| error.offset);
        let problem = |error: SyntaxError| {
            let problem = lines.problem(error.offset, "", error.got, error.expected);
            match error.advice {
                Advice::None => problem,
                Advice::Text(help) => problem.with_help(help),
                Advice::FirstAt(offset) => {
                    let Location { line, column } = lines.location(offset);
                    problem.with_help(format!("the first is on line {line}, column {column}; delete one of the two"))
                }
            }
        };
        let mut problems: Vec<Problem> = self.list.into_iter().map(problem).collect();
        problems.extend((more > 0).then(|| more_problems(more)));
        problems
    }
}

impl From<SyntaxError> for SyntaxErrors {
    fn from(error: SyntaxError) -> Self {
        Self { list: vec![error], found: 1 }
    }
}

/// Returns the last entry of a list of problems that is cut off; `count` problems are missing from it.
pub(super) fn more_problems(count: usize) -> Problem {
    Problem::new("", format!("{count} more problems"), "a document without problems")
}
