//! Flag documents: from bytes to a load.
//!
//! # The problem
//!
//! A flag file is edited by people in a hurry and by scripts, and it may be read while a program is still writing it.
//! An invalid file must not turn flags off. Its errors must not come one at a time either.
//!
//! # The idea
//!
//! ```text
//! bytes ──text──▶ &str ──toml | json──▶ Node (values with their offsets) ──flags──▶ Load | LoadError
//! ```
//!
//! Both formats become the same tree of values, and each value keeps its offset in the text. One decoder walks that
//! tree. It collects *all* problems, each with line, column and key path, and with what was got and what was expected.
//!
//! # What is refused
//!
//! Three kinds of document are refused as a whole, because each may be part of a longer one. One is not well-formed,
//! one is empty, and one has fewer or more flags than it declares in `[meta]`. In a well-formed document, an invalid
//! flag is refused and the other flags are loaded. `spec/README.md` has the format.
//!
//! # The files, in reading order
//!
//! - `text`: bytes to UTF-8 text. `lines`: byte offsets to lines and columns.
//! - `node`: the tree of values. `syntax_error`: the errors of both parsers. `tree`: the tree as tools use it.
//! - `slips`: the most usual mistakes, for which the parsers' errors are replaced by explanations.
//! - `json`, and `toml` with `toml/tables`: the parsers.
//! - `decoder`: the collector of problems, and values that occur everywhere.
//! - `suggest`: "did you mean …?". `synonyms`: the keys of other tools. `schedule`: keys for a schedule.
//! - `flags`, `rules`, `conditions`, `variants`, `migration`: decoding, one file for each part of a flag.
//! - `approvals`, `gates`: who approved a flag, and what its gate requires. `digest`: what they approved.

mod approvals;
mod conditions;
mod decoder;
#[cfg(feature = "approvals")]
mod digest;
mod flags;
mod gates;
mod json;
mod lines;
mod migration;
mod node;
mod rules;
mod schedule;
mod slips;
mod suggest;
mod synonyms;
mod syntax_error;
mod text;
mod toml;
#[doc(hidden)]
pub mod tree;
mod variants;

use std::path::Path;

use flagkit_core::source::{Load, LoadError};

use self::lines::Lines;
use self::node::Node;
use self::syntax_error::{SyntaxError, SyntaxErrors};
pub(crate) use self::text::digest;

/// A format of flag documents.
///
/// Both formats have the same shape, and a document means the same in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON (RFC 8259). A duplicate name in an object is an error.
    Json,
}

impl Format {
    /// Returns the format for a file's extension: JSON for `.json`, TOML for any other.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        match path.as_ref().extension() {
            Some(extension) if extension.eq_ignore_ascii_case("json") => Self::Json,
            _ => Self::Toml,
        }
    }

    /// Parses a document into a load.
    ///
    /// A source calls this with the content it has fetched; a tool calls it to check a file.
    ///
    /// # Errors
    ///
    /// Returns an error with all problems found when the document is refused as a whole. Problems of single flags are
    /// in the load, next to the valid flags.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_sources::document::Format;
    ///
    /// let load = Format::Toml.read(b"[flags]\nold-banner = true\nsearch = 25\n")?;
    /// assert!(load.flags().get("old-banner").is_some());
    /// assert_eq!(
    ///     load.problems()[0].to_string(),
    ///     "3:10: flags.search: got the number 25, expected true, false, a percentage such as \"25%\", or a table; \
    ///      write \"25%\" for a rollout of 25 percent",
    /// );
    /// # Ok::<(), flagkit_core::source::LoadError>(())
    /// ```
    pub fn read(self, bytes: &[u8]) -> Result<Load, LoadError> {
        let text = text::decode(bytes)?;
        let lines = Lines::new(text);
        if text.trim_start().is_empty() {
            return Err(LoadError::new("the document is empty").with_problems([lines
                .problem(0, "", "an empty document", "a `flags` table")
                .with_help("write `[flags]`, or `{\"flags\": {}}` in JSON, to declare no flags on purpose")]));
        }
        flags::decode(&self.parse(text, &lines)?, &lines)
    }

    /// Parses a text into a tree. The error has all syntax errors.
    fn parse<'t>(self, text: &'t str, lines: &Lines<'_>) -> Result<Node<'t>, LoadError> {
        let (root, errors) = self.parse_partially(text);
        if errors.is_empty() {
            return Ok(root);
        }
        let problems = slips::explain(self, text, errors).into_problems(lines);
        Err(LoadError::new(format!("the document is not well-formed {}", self.name())).with_problems(problems))
    }

    /// Parses a text into a tree that lacks everything with an error, and returns the errors.
    ///
    /// The tree is `Null` if the grammar is violated anywhere.
    fn parse_partially(self, text: &str) -> (Node<'_>, SyntaxErrors) {
        match self {
            _ if u32::try_from(text.len()).is_err() => (Node::null(), SyntaxError::too_long(text.len()).into()),
            Self::Toml => toml::parse(text),
            Self::Json => json::parse(text),
        }
    }

    /// Returns the extension of files in this format: `toml` or `json`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Json => "json",
        }
    }

    /// Returns the format with the given extension. A cached document and an event of a stream name their format by it.
    pub(crate) fn from_extension(extension: &str) -> Option<Self> {
        [Self::Toml, Self::Json].into_iter().find(|format| format.extension() == extension)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Toml => "TOML",
            Self::Json => "JSON",
        }
    }
}
