//! TOML into nodes.
//!
//! `toml_parser` reads the syntax and tells what it meets, an event at a time. Here the values are made of that;
//! [`tables`] knows where they belong. The tables of the crate `toml` would do both, at 1.2 KiB for each table: a document
//! of 1 MiB could take 560 MiB. These take less than 60 bytes for each byte of the text at the worst, tokens included.

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
use super::node::{MAX_DEPTH, Node, Origin, Table, Value, shorten};
use super::{Fault, Faults, Parsed};

/// Parses a document, going on after an error to find the others.
pub(super) fn parse(text: &str) -> Parsed<'_> {
    let source = Source::new(text);
    let (tokens, is_refused) = (tokens(source), Cell::new(false));
    let mut reader = Reader {
        text,
        long_arrays: look_ahead(&tokens)?,
        tables: Tables::new(),
        open: Vec::new(),
        keys: Vec::new(),
        header: None,
        is_amiss: false,
        is_refused: &is_refused,
        faults: Faults::default(),
    };
    let mut errors = Faults::default();
    parse_document(&tokens, &mut ValidateWhitespace::new(&mut reader, source), &mut |error: ParseError| {
        is_refused.set(true);
        let span = error.unexpected().unwrap_or_default();
        errors.push_with(span.start(), || fault(&error, span, text));
    });
    drop(tokens);
    let Reader { tables, mut faults, .. } = reader;
    faults.append(errors);
    if faults.are_none() { Ok(tables.into_root()) } else { Err(faults) }
}

/// The tokens of a text, in no more memory than they need: there may be one for each byte.
fn tokens(source: Source<'_>) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(source.lex().count());
    tokens.extend(source.lex());
    tokens
}

/// Where the text has more brackets open than the parser is asked to go into; else, how many values end in a comma in each
/// array that has many, by where it begins.
///
/// The parser calls itself for each bracket. A receiver may tell it not to go on, and the levels that it is told of do for
/// what is well-formed; but of `{ a [` the parser tells that something was closed which it never told was opened, so that
/// one who counts is led astray, and `{ a [b]` line after line ends in a stack that overflows. A level counts here until
/// the bracket comes that closes it, whatever stands between: the parser has none open that is not among these. Brackets of
/// a header have none in them.
fn look_ahead(tokens: &[Token]) -> Result<HashMap<usize, usize>, Fault> {
    const MOST_LEVELS: usize = 2 * MAX_DEPTH;
    const MANY_VALUES: usize = 64;
    let mut long_arrays = HashMap::new();
    let mut open: Vec<Bracket> = Vec::new();
    let (mut is_header, mut before) = (false, TokenKind::Newline);
    for token in tokens {
        let (kind, offset) = (token.kind(), token.span().start());
        is_header = match kind {
            TokenKind::LeftSquareBracket if open.is_empty() && before == TokenKind::Newline => true,
            _ => is_header && kind != TokenKind::Newline,
        };
        match (kind, open.last_mut()) {
            _ if is_header => {}
            (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket, _) => {
                if open.len() == MOST_LEVELS {
                    return Err(too_many_open(open.first().map_or(offset, |first| first.offset), MOST_LEVELS));
                }
                open.push(Bracket { kind, offset, values: 0 });
            }
            (TokenKind::Comma, Some(bracket)) => bracket.values += usize::from(before != TokenKind::Comma),
            (_, Some(bracket)) if bracket.is_closed_by(kind) => {
                let closed = open.pop().filter(|bracket| bracket.values >= MANY_VALUES);
                long_arrays.extend(closed.map(|bracket| (bracket.offset, bracket.values)));
            }
            _ => {}
        }
        if !matches!(kind, TokenKind::Whitespace | TokenKind::Comment) {
            before = kind;
        }
    }
    Ok(long_arrays)
}

/// A bracket or brace that is open.
struct Bracket {
    kind: TokenKind,
    offset: usize,
    values: usize,
}

impl Bracket {
    fn is_closed_by(&self, kind: TokenKind) -> bool {
        matches!(
            (self.kind, kind),
            (TokenKind::LeftSquareBracket, TokenKind::RightSquareBracket)
                | (TokenKind::LeftCurlyBracket, TokenKind::RightCurlyBracket)
        )
    }
}

fn too_many_open(offset: usize, count: usize) -> Fault {
    let got = format!("a bracket that is not closed before {count} more are open");
    Fault { offset, got, expected: format!("brackets that are closed, and no more than {MAX_DEPTH} levels") }
}

/// Makes values of events.
struct Reader<'t, 'r> {
    text: &'t str,
    /// For room that is exact: growing takes more than twice as much while it copies.
    long_arrays: HashMap<usize, usize>,
    tables: Tables<'t>,
    /// Arrays, and tables in braces, that are not closed yet, from the outside in.
    open: Vec<Open<'t>>,
    /// Names whose value is still to come: first those of what was opened first.
    keys: Vec<Key<'t>>,
    /// The header that is being read.
    header: Option<Header>,
    /// Whether an error has been reported where a value should be: that there is none is told by it.
    is_amiss: bool,
    /// Whether any error has been reported: nobody reads the values.
    is_refused: &'r Cell<bool>,
    faults: Faults,
}

struct Open<'t> {
    node: Node<'t>,
    depth: usize,
    /// How many of the names are not of what stands in it.
    keys_before: usize,
}

impl<'t> Reader<'t, '_> {
    fn raw(&self, span: Span, encoding: Option<Encoding>) -> Raw<'t> {
        let text = self.text.get(span.start()..span.end()).unwrap_or_default();
        Raw::new_unchecked(text, encoding, span)
    }

    /// How many of the names are not of the innermost table that is open.
    fn keys_before(&self) -> usize {
        self.open.last().map_or(0, |open| open.keys_before)
    }

    /// Begins a value that has others in it, and tells whether they are to be read.
    fn begin(&mut self, span: Span, value: Value<'t>) -> bool {
        let offset = span.start();
        let (outer, keys_before) = match self.open.last() {
            Some(open) => (open.depth, open.keys_before),
            None => (self.tables.depth(), 0),
        };
        // In an array there are no names.
        let depth = outer + self.keys.len().saturating_sub(keys_before).max(1);
        self.open.push(Open { node: Node { offset, value }, depth, keys_before: self.keys.len() });
        if depth >= MAX_DEPTH {
            self.fail(Fault::too_deep(offset));
        }
        depth < MAX_DEPTH
    }

    fn end(&mut self) {
        if let Some(mut open) = self.open.pop() {
            self.keys.truncate(open.keys_before);
            if let Node { offset, value: Value::Table(table) } = &mut open.node {
                self.tables.close(table, *offset);
            }
            self.put(open.node);
        }
    }

    /// Puts a value where it belongs.
    fn put(&mut self, node: Node<'t>) {
        let keys_before = self.keys_before().min(self.keys.len());
        let put = {
            let keys = self.keys.drain(keys_before..);
            match self.open.last_mut() {
                Some(Open { node: Node { value: Value::Array(items), .. }, .. }) => {
                    if !self.is_refused.get() {
                        push(items, node);
                    }
                    Ok(())
                }
                Some(Open { node: Node { offset, value: Value::Table(table) }, depth, .. }) => {
                    self.tables.put_within((table, *offset, *depth), keys, node)
                }
                _ => self.tables.put(keys, node),
            }
        };
        if let Err(fault) = put {
            self.fail(fault);
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.is_refused.set(true);
        self.faults.push(fault);
    }

    /// Forgets the names of what had no value, and the header that was not closed: errors have been reported of both.
    fn end_line(&mut self) {
        if self.open.is_empty() {
            self.keys.clear();
            if let Some(header) = self.header.take() {
                self.tables.set_aside(header);
            }
        }
    }

    fn open_header(&mut self, span: Span, is_array: bool) {
        self.open.clear();
        self.keys.clear();
        self.header = Some(Header { offset: span.start(), is_array });
    }

    fn close_header(&mut self) {
        let Some(header) = self.header.take() else { return };
        if let Err(fault) = self.tables.begin(header, self.keys.drain(..)) {
            self.fail(fault);
        }
    }
}

impl EventReceiver for Reader<'_, '_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span, false);
    }

    fn std_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.close_header();
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span, true);
    }

    fn array_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.close_header();
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.begin(span, Value::Table(Table::new(Origin::Braces)))
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.end();
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        let long = if self.is_refused.get() { None } else { self.long_arrays.get(&span.start()) };
        let room = long.map_or(0, |values| values + 1);
        self.begin(span, Value::Array(Vec::with_capacity(room)))
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.end();
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let mut name = Cow::Borrowed("");
        self.raw(span, encoding).decode_key(&mut name, error);
        // One more than may be is enough to refuse it.
        if self.keys.len().saturating_sub(self.keys_before()) <= MAX_DEPTH {
            self.keys.push(Key { offset: span.start(), name });
        }
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        if mem::take(&mut self.is_amiss) && span.is_empty() {
            return self.put(Node { offset: span.start(), value: Value::Null });
        }
        let mut text = Cow::Borrowed("");
        let value = match self.raw(span, encoding).decode_scalar(&mut text, error) {
            ScalarKind::String => Value::Text(text),
            ScalarKind::Boolean(value) => Value::Bool(value),
            ScalarKind::DateTime => datetime(&text, span, error),
            ScalarKind::Float => Value::Number(text),
            ScalarKind::Integer(radix) => integer(text, radix, span, error),
        };
        self.put(Node { offset: span.start(), value });
    }

    fn value_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        // Left over from a name without a value.
        self.keys.truncate(self.keys_before());
    }

    fn newline(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.end_line();
    }

    fn key_val_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.is_amiss = false;
    }

    fn error(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.is_amiss = true;
    }
}

/// An integer in decimal, whatever it is written in. In decimal it may be of any size, and keeps its minus.
fn integer<'t>(text: Cow<'t, str>, radix: IntegerRadix, span: Span, error: &mut dyn ErrorSink) -> Value<'t> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    // None at all, and those of other scripts, are let through.
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
    error.report_error(ParseError::new("a whole number lies below 2^127").with_unexpected(span));
    Value::Null
}

fn datetime<'t>(text: &str, span: Span, error: &mut dyn ErrorSink) -> Value<'t> {
    match text.parse::<Datetime>() {
        Ok(mut datetime) => {
            // TOML 1.1 does without the seconds; RFC 3339 does not.
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

fn fault(error: &ParseError, span: Span, text: &str) -> Fault {
    let found = text.get(span.start()..span.end()).filter(|found| !found.trim().is_empty());
    let message = error.description();
    let got = match found {
        Some(found) => format!("`{}` ({message})", shorten(found)),
        None => message.to_owned(),
    };
    Fault {
        offset: span.start(),
        got,
        expected: error.expected().map_or_else(|| "valid TOML".to_owned(), alternatives),
    }
}

/// What would have been right, as a list.
fn alternatives(expected: &[Expected]) -> String {
    let mut list = String::new();
    for (number, one) in expected.iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        // A String takes everything.
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
