//! The TOML parser: from text to nodes.
//!
//! # The problem
//!
//! The crate `toml` needs 1.2 KiB for each table, so a document of 1 MiB could take 560 MiB of memory. It also stops at
//! its first error.
//!
//! # The idea
//!
//! `toml_parser` parses the syntax and reports it as a sequence of events. [`TreeBuilder`] receives the events and
//! builds values. [`Tables`] puts each value into the table that it belongs to. Nesting is checked before parsing,
//! because `toml_parser` recurses.
//!
//! ```text
//! text ──▶ tokens ──check_nesting──▶ parse_document ──events──▶ TreeBuilder ──values──▶ Tables ──▶ Node
//!                                          └─ errors of the grammar          └─ errors of tables
//! ```
//!
//! # The files, in reading order
//!
//! - this file: the parser as a whole, and its errors.
//! - `nesting`: the limit on open brackets. `builder`: events to values. `scalar`: integers and dates.
//! - `tables`: which table a value belongs to, and what may not be repeated.
//!
//! # How it is tested
//!
//! `tests` compares the tree with that of the crate `toml`, on generated documents and on the 700 documents of
//! toml-test.
//!
//! # Limits
//!
//! Parsing takes less than 60 bytes of memory for each byte of the text, tokens included.

mod builder;
mod nesting;
mod scalar;
mod tables;

use std::cell::Cell;
use std::fmt::Write as _;

use toml_parser::lexer::Token;
use toml_parser::parser::{ValidateWhitespace, parse_document};
use toml_parser::{Expected, ParseError, Source, Span};

use self::builder::TreeBuilder;
use self::nesting::check_nesting;
use self::tables::Tables;
use super::node::{Node, shorten};
use super::syntax_error::{SyntaxError, SyntaxErrors};

/// Parses a document, and continues after an error to find the others.
///
/// The tree is `Null` if the grammar is violated anywhere, because a bracket that stays open would take in other
/// values. With other errors, such as duplicate names, it lacks the values with errors and elements of arrays.
pub(super) fn parse(text: &str) -> (Node<'_>, SyntaxErrors) {
    let source = Source::new(text);
    let (tokens, discard_values) = (tokens(source), Cell::new(false));
    let long_arrays = match check_nesting(&tokens) {
        Ok(long_arrays) => long_arrays,
        Err(error) => return (Tables::new().into_root(), error.into()),
    };
    let mut builder = TreeBuilder::new(text, long_arrays, &discard_values);
    let mut grammar_errors = SyntaxErrors::default();
    parse_document(&tokens, &mut ValidateWhitespace::new(&mut builder, source), &mut |error: ParseError| {
        discard_values.set(true);
        let span = error.unexpected().unwrap_or_default();
        grammar_errors.push_with(span.start(), || syntax_error(&error, span, text));
    });
    drop(tokens);
    let (tables, mut errors) = builder.finish();
    let root = if grammar_errors.is_empty() { tables.into_root() } else { Node::null() };
    errors.append(grammar_errors);
    (root, errors)
}

/// Returns the tokens of a text.
///
/// They are counted first, which costs a second pass over the text. The exact capacity limits memory, because each byte
/// may be a token.
fn tokens(source: Source<'_>) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(source.lex().count());
    tokens.extend(source.lex());
    tokens
}

/// Converts an error of the parser, and adds the text that it is about.
///
/// The parser's description says what is wrong, and its list of alternatives what would have been right.
fn syntax_error(error: &ParseError, span: Span, text: &str) -> SyntaxError {
    let found = text.get(span.start()..span.end()).filter(|found| !found.trim().is_empty());
    let message = error.description();
    let got = match found {
        Some(found) => format!("`{}` ({message})", shorten(found)),
        None => message.to_owned(),
    };
    SyntaxError::new(span.start(), got, error.expected().map_or_else(|| "valid TOML".to_owned(), alternatives))
}

/// Lists the alternatives that would have been valid.
fn alternatives(expected: &[Expected]) -> String {
    let mut list = String::new();
    for (number, one) in expected.iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        // Writing to a `String` cannot fail.
        let _ = match one {
            Expected::Literal("\n") => write!(list, "{comma}newline"),
            Expected::Literal("`") => write!(list, "{comma}'`'"),
            Expected::Literal(literal) if literal.chars().all(|c| c.is_ascii_control()) => {
                write!(list, "{comma}`{}`", literal.escape_debug())
            }
            Expected::Literal(literal) => write!(list, "{comma}`{literal}`"),
            Expected::Description(description) => write!(list, "{comma}{description}"),
            _ => write!(list, "{comma}something else"),
        };
    }
    if list.is_empty() { "nothing".to_owned() } else { list }
}

#[cfg(test)]
mod tests;
