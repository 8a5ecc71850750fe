//! The tree of a document, for tools that check or edit flag files.
//!
//! This is the same tree that [`Format::read`] decodes, with the range of each value in the text. It is not part of the
//! stable interface: only the command uses it, and the command has the same version as this crate.

use flagkit_core::source::LoadError;

use super::Format;

pub use super::lines::Lines;
pub use super::node::{Entry, Node, Origin, Table, Value};
pub use super::suggest::{distance, nearest};

/// Parses a text into a tree.
///
/// An empty text is a valid document of TOML. A byte-order mark must have been removed.
///
/// # Errors
///
/// Returns an error with all syntax errors if the text is not well-formed.
pub fn parse(format: Format, text: &str) -> Result<Node<'_>, LoadError> {
    format.parse(text, &Lines::new(text))
}

/// Parses a text into a tree that omits everything with an error, such as a duplicate name or a value nested too deep.
///
/// The tree is `Null` if the grammar of the format is violated anywhere.
pub fn parse_partially(format: Format, text: &str) -> Node<'_> {
    format.parse_partially(text).0
}
