//! The TOML parser: from text to nodes.
//!
//! # The problem
//!
//! The crate `toml` needs 1.2 KiB for each table, so a document of 1 MiB could take 560 MiB of memory.
//!
//! # The idea
//!
//! `toml_parser` parses the syntax and reports it as a sequence of events. [`TreeBuilder`] receives the events and builds
//! values. [`Tables`] puts each value into the table that it belongs to. Nesting is checked before parsing, because
//! `toml_parser` recurses.
//!
//! # Limits
//!
//! Parsing takes less than 60 bytes of memory for each byte of the text, tokens included.

mod tables;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::mem;

use toml_datetime::Datetime;
use toml_parser::decoder::{Encoding, IntegerRadix, ScalarKind};
use toml_parser::lexer::{Token, TokenKind};
use toml_parser::parser::{EventReceiver, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Raw, Source, Span};

use self::tables::{Header, Key, Tables, push};
use super::node::{ByteRange, MAX_DEPTH, Node, Origin, Table, Value, shorten};
use super::syntax_error::{SyntaxError, SyntaxErrors};

/// Parses a document, and continues after an error to find the others.
///
/// The tree is `Null` if the grammar is violated anywhere, because a bracket that stays open would take in other values.
/// With other errors, such as duplicate names, it lacks the values with errors and elements of arrays.
pub(super) fn parse(text: &str) -> (Node<'_>, SyntaxErrors) {
    let source = Source::new(text);
    let (tokens, discard_values) = (tokens(source), Cell::new(false));
    let long_arrays = match check_nesting(&tokens) {
        Ok(long_arrays) => long_arrays,
        Err(error) => return (Tables::new().into_root(), error.into()),
    };
    let mut builder = TreeBuilder {
        text,
        long_arrays,
        tables: Tables::new(),
        open: Vec::new(),
        keys: Vec::new(),
        header: None,
        has_error: false,
        discard_values: &discard_values,
        errors: SyntaxErrors::default(),
    };
    let mut grammar_errors = SyntaxErrors::default();
    parse_document(&tokens, &mut ValidateWhitespace::new(&mut builder, source), &mut |error: ParseError| {
        discard_values.set(true);
        let span = error.unexpected().unwrap_or_default();
        grammar_errors.push_with(span.start(), || syntax_error(&error, span, text));
    });
    drop(tokens);
    let TreeBuilder { tables, mut errors, .. } = builder;
    let root = if grammar_errors.is_empty() { tables.into_root() } else { Node::null() };
    errors.append(grammar_errors);
    (root, errors)
}

/// Returns the tokens of a text. The exact capacity limits memory, because each byte may be a token.
fn tokens(source: Source<'_>) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(source.lex().count());
    tokens.extend(source.lex());
    tokens
}

/// Returns an error if brackets nest too deep for the parser's recursion. Otherwise returns the number of values in each
/// long array, by the offset of the array.
///
/// `toml_parser` recurses once for each open bracket. Its events for opening and closing are balanced in well-formed text,
/// but not in `{ a [`: there it reports the close of a bracket that it never reported as open. A depth that is counted
/// from events would therefore be too low, and a text of many lines `{ a [b]` would overflow the stack. This function
/// counts tokens instead: a bracket is open until the bracket that matches it. So the parser never has more brackets open
/// than are counted here. The brackets of a header contain no other brackets and are skipped.
///
/// The number of values is that of commas after a value. It gives an array its capacity, because a list that grows needs
/// more than twice its memory while it is copied.
fn check_nesting(tokens: &[Token]) -> Result<HashMap<usize, usize>, SyntaxError> {
    const MAX_OPEN: usize = 2 * MAX_DEPTH;
    const LONG_ARRAY: usize = 64;
    let mut long_arrays = HashMap::new();
    let mut open: Vec<OpenBracket> = Vec::new();
    let (mut is_header, mut previous) = (false, TokenKind::Newline);
    for token in tokens {
        let (kind, offset) = (token.kind(), token.span().start());
        is_header = match kind {
            TokenKind::LeftSquareBracket if open.is_empty() && previous == TokenKind::Newline => true,
            _ => is_header && kind != TokenKind::Newline,
        };
        match (kind, open.last_mut()) {
            _ if is_header => {}
            (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket, _) => {
                if open.len() == MAX_OPEN {
                    return Err(too_many_open(open.first().map_or(offset, |first| first.offset), MAX_OPEN));
                }
                open.push(OpenBracket { kind, offset, values: 0 });
            }
            (TokenKind::Comma, Some(bracket)) => bracket.values += usize::from(previous != TokenKind::Comma),
            (_, Some(bracket)) if bracket.is_closed_by(kind) => {
                let closed = open.pop().filter(|bracket| bracket.values >= LONG_ARRAY);
                long_arrays.extend(closed.map(|bracket| (bracket.offset, bracket.values)));
            }
            _ => {}
        }
        if !matches!(kind, TokenKind::Whitespace | TokenKind::Comment) {
            previous = kind;
        }
    }
    Ok(long_arrays)
}

/// A bracket or brace without its closing one yet, and the number of commas after a value in it.
struct OpenBracket {
    kind: TokenKind,
    offset: usize,
    values: usize,
}

impl OpenBracket {
    fn is_closed_by(&self, kind: TokenKind) -> bool {
        matches!(
            (self.kind, kind),
            (TokenKind::LeftSquareBracket, TokenKind::RightSquareBracket)
                | (TokenKind::LeftCurlyBracket, TokenKind::RightCurlyBracket)
        )
    }
}

/// The error for brackets that nest too deep; `offset` is that of the outermost.
fn too_many_open(offset: usize, count: usize) -> SyntaxError {
    let got = format!("a bracket that is not closed before {count} more are open");
    SyntaxError { offset, got, expected: format!("brackets that are closed, and no more than {MAX_DEPTH} levels") }
}

/// The receiver of the parser's events, which builds values from them.
///
/// [`parse`] owns it, and the parser calls it for each event. It keeps the values that are still open, and hands complete
/// values to [`Tables`]. After the first error it continues to check the text, but keeps no elements of arrays.
struct TreeBuilder<'t, 'r> {
    text: &'t str,
    /// The number of values in each long array, by its offset: see [`check_nesting`].
    long_arrays: HashMap<usize, usize>,
    tables: Tables<'t>,
    /// Arrays and tables in braces that are not closed yet, outermost first.
    open: Vec<OpenValue<'t>>,
    /// Names of values that are not complete yet. Names of an outer value come first.
    keys: Vec<Key<'t>>,
    /// The header that is not closed yet.
    header: Option<Header>,
    /// Whether an error was already reported for the value that comes next. It suppresses a second error, "missing value".
    has_error: bool,
    /// Whether any error was reported. The document is then refused, so its values are not needed.
    discard_values: &'r Cell<bool>,
    errors: SyntaxErrors,
}

/// An array or a table in braces that is not closed yet. The builder keeps these as a stack.
struct OpenValue<'t> {
    node: Node<'t>,
    depth: usize,
    /// The number of names in [`TreeBuilder::keys`] that belong to outer values.
    outer_keys: usize,
}

impl<'t> TreeBuilder<'t, '_> {
    fn raw(&self, span: Span, encoding: Option<Encoding>) -> Raw<'t> {
        let text = self.text.get(span.start()..span.end()).unwrap_or_default();
        Raw::new_unchecked(text, encoding, span)
    }

    /// Returns the number of names that do not belong to the innermost open value.
    fn outer_keys(&self) -> usize {
        self.open.last().map_or(0, |open| open.outer_keys)
    }

    /// Opens an array or a table in braces, and returns whether the parser should continue inside it.
    fn open_value(&mut self, span: Span, value: Value<'t>) -> bool {
        let offset = span.start();
        let (outer, outer_keys) = match self.open.last() {
            Some(open) => (open.depth, open.outer_keys),
            None => (self.tables.depth(), 0),
        };
        // Each name is a level. Inside an array there are no names, and its elements are one level deeper.
        let depth = outer + self.keys.len().saturating_sub(outer_keys).max(1);
        self.open.push(OpenValue { node: Node { range: range(span), value }, depth, outer_keys: self.keys.len() });
        if depth >= MAX_DEPTH {
            self.report(SyntaxError::too_deep(offset));
        }
        depth < MAX_DEPTH
    }

    /// Closes the innermost open value, and puts it into the value around it.
    fn close_value(&mut self, span: Span) {
        if let Some(mut open) = self.open.pop() {
            self.keys.truncate(open.outer_keys);
            open.node.range = ByteRange::new(open.node.offset(), span.end());
            if let Node { range, value: Value::Table(table) } = &mut open.node {
                self.tables.close(table, range.start());
            }
            self.put(open.node);
        }
    }

    /// Puts a complete value into the innermost open value, or into the table of the last header.
    fn put(&mut self, node: Node<'t>) {
        let outer_keys = self.outer_keys().min(self.keys.len());
        let result = {
            let keys = self.keys.drain(outer_keys..);
            match self.open.last_mut() {
                Some(OpenValue { node: Node { value: Value::Array(items), .. }, .. }) => {
                    if !self.discard_values.get() {
                        push(items, node);
                    }
                    Ok(())
                }
                Some(OpenValue { node: Node { range, value: Value::Table(table) }, depth, .. }) => {
                    self.tables.put_inline((table, range.start(), *depth), keys, node)
                }
                _ => self.tables.put(keys, node),
            }
        };
        if let Err(error) = result {
            self.report(error);
        }
    }

    fn report(&mut self, error: SyntaxError) {
        self.discard_values.set(true);
        self.errors.push(error);
    }

    /// Drops names without a value and a header without its closing bracket. The parser has reported both as errors.
    fn end_line(&mut self) {
        if self.open.is_empty() {
            self.keys.clear();
            if let Some(header) = self.header.take() {
                self.tables.detach(header);
            }
        }
    }

    fn open_header(&mut self, span: Span, is_array: bool) {
        self.open.clear();
        self.keys.clear();
        self.header = Some(Header { range: range(span), is_array });
    }

    fn close_header(&mut self, span: Span) {
        let Some(header) = self.header.take() else { return };
        let header = Header { range: ByteRange::new(header.range.start(), span.end()), ..header };
        if let Err(error) = self.tables.open_table(header, self.keys.drain(..)) {
            self.report(error);
        }
    }
}

impl EventReceiver for TreeBuilder<'_, '_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span, false);
    }

    fn std_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_header(span);
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span, true);
    }

    fn array_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_header(span);
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.open_value(span, Value::Table(Table::new(Origin::Braces)))
    }

    fn inline_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_value(span);
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        let long = if self.discard_values.get() { None } else { self.long_arrays.get(&span.start()) };
        let capacity = long.map_or(0, |values| values + 1);
        self.open_value(span, Value::Array(Vec::with_capacity(capacity)))
    }

    fn array_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_value(span);
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let mut name = Cow::Borrowed("");
        self.raw(span, encoding).decode_key(&mut name, error);
        // One name more than the limit is enough to report the depth, so further names are not kept.
        if self.keys.len().saturating_sub(self.outer_keys()) <= MAX_DEPTH {
            self.keys.push(Key { range: range(span), name });
        }
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        if mem::take(&mut self.has_error) && span.is_empty() {
            return self.put(Node { range: range(span), value: Value::Null });
        }
        let mut text = Cow::Borrowed("");
        let value = match self.raw(span, encoding).decode_scalar(&mut text, error) {
            ScalarKind::String => Value::Text(text),
            ScalarKind::Boolean(value) => Value::Bool(value),
            ScalarKind::DateTime => datetime(&text, span, error),
            ScalarKind::Float => Value::Number(text),
            ScalarKind::Integer(radix) => integer(text, radix, span, error),
        };
        self.put(Node { range: range(span), value });
    }

    fn value_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        // A name without a value leaves itself on the stack.
        self.keys.truncate(self.outer_keys());
    }

    fn newline(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.end_line();
    }

    fn key_val_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.has_error = false;
    }

    fn error(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.has_error = true;
    }
}

fn range(span: Span) -> ByteRange {
    ByteRange::new(span.start(), span.end())
}

/// Returns an integer in decimal, converted from its radix. A decimal one may have any size, and keeps its minus sign.
fn integer<'t>(text: Cow<'t, str>, radix: IntegerRadix, span: Span, error: &mut dyn ErrorSink) -> Value<'t> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    // `decode_scalar` accepts an integer without digits, and digits of other scripts.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix.value())) {
        error.report_error(ParseError::new(radix.invalid_description()).with_unexpected(span));
        return Value::Null;
    }
    if radix == IntegerRadix::Dec {
        return Value::Number(match text.strip_prefix('+') {
            Some(digits) => Cow::Owned(digits.to_owned()),
            None => text,
        });
    }
    if let Ok(integer) = i128::from_str_radix(&text, radix.value()) {
        return Value::Number(Cow::Owned(integer.to_string()));
    }
    error.report_error(ParseError::new("a whole number must be below 2^127").with_unexpected(span));
    Value::Null
}

/// Returns a date, a time or both in the form of RFC 3339.
fn datetime<'t>(text: &str, span: Span, error: &mut dyn ErrorSink) -> Value<'t> {
    match text.parse::<Datetime>() {
        Ok(mut datetime) => {
            // Seconds are optional in TOML 1.1, but required in RFC 3339.
            if let Some(time) = &mut datetime.time {
                time.second.get_or_insert(0);
            }
            Value::Datetime(datetime.to_string())
        }
        Err(cause) => {
            error.report_error(ParseError::new(cause.to_string()).with_unexpected(span));
            Value::Null
        }
    }
}

/// Converts an error of the parser, and adds the text that it is about.
fn syntax_error(error: &ParseError, span: Span, text: &str) -> SyntaxError {
    let found = text.get(span.start()..span.end()).filter(|found| !found.trim().is_empty());
    let message = error.description();
    let got = match found {
        Some(found) => format!("`{}` ({message})", shorten(found)),
        None => message.to_owned(),
    };
    SyntaxError {
        offset: span.start(),
        got,
        expected: error.expected().map_or_else(|| "valid TOML".to_owned(), alternatives),
    }
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
