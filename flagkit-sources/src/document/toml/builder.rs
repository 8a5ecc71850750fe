//! The receiver of the parser's events, which builds values from them.
//!
//! # How it works
//!
//! `toml_parser` calls one method of [`EventReceiver`] for each name, scalar, separator and bracket. The builder keeps
//! two stacks: names without a value yet, and arrays and tables in braces without a closing bracket yet. A complete
//! value goes into the innermost open value, or into the table of the last header.
//!
//! ```text
//! a.b = [1, {c = 2}]      keys          open
//!      ▲                  a, b          –
//!         ▲               a, b          [
//!                ▲        a, b, c       [, {
//! ```
//!
//! | event | what the builder does |
//! |---|---|
//! | a header opens or closes | collects its names, and opens its table |
//! | a name | puts it on the stack of names |
//! | a scalar | decodes it, and puts it into the innermost open value |
//! | a bracket opens | puts a new value on the stack of open values |
//! | a bracket closes | takes that value, and puts it into the one around it |
//! | a line ends | drops what is incomplete, outside of brackets |
//!
//! # Errors
//!
//! The parser continues after an error and reports events for what it can make sense of. So names may lack a value, and
//! headers their bracket; the end of a line drops both. After the first error no elements of arrays are kept, because
//! the document is refused.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::mem;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, ParseError, Raw, Span};

use super::super::node::{ByteRange, MAX_DEPTH, Node, Origin, Table, Value};
use super::super::syntax_error::{SyntaxError, SyntaxErrors};
use super::scalar::{datetime, integer};
use super::tables::{Header, Key, Tables, push};

/// The receiver of the parser's events, which builds values from them.
///
/// It exists for one document: the parser fills it, and [`finish`](TreeBuilder::finish) takes its parts.
///
/// `parse` owns it, and the parser calls it for each event. It keeps the values that are still open, and hands
/// complete values to [`Tables`]. After the first error it continues to check the text, but keeps no elements of
/// arrays.
pub(super) struct TreeBuilder<'t, 'r> {
    text: &'t str,
    /// The number of values in each long array, by its offset: see [`nesting`](super::nesting).
    long_arrays: HashMap<usize, usize>,
    tables: Tables<'t>,
    /// Arrays and tables in braces that are not closed yet, outermost first.
    open: Vec<OpenValue<'t>>,
    /// Names of values that are not complete yet. Names of an outer value come first.
    keys: Vec<Key<'t>>,
    /// The header that is not closed yet.
    header: Option<Header>,
    /// Whether an error was already reported for the value that comes next. It suppresses a second error, "missing
    /// value".
    has_error: bool,
    /// Whether any error was reported. The document is then refused, so its values are not needed.
    discard_values: &'r Cell<bool>,
    errors: SyntaxErrors,
}

/// An array or a table in braces that is not closed yet.
///
/// The builder keeps these as a stack. A value that is closed goes into the one around it.
struct OpenValue<'t> {
    node: Node<'t>,
    depth: usize,
    /// The number of names in [`TreeBuilder::keys`] that belong to outer values.
    outer_keys: usize,
}

impl<'t, 'r> TreeBuilder<'t, 'r> {
    /// Creates the builder of a document. `long_arrays` is from [`check_nesting`](super::nesting::check_nesting), and
    /// `discard_values` is shared with the receiver of grammar errors.
    pub(super) fn new(text: &'t str, long_arrays: HashMap<usize, usize>, discard_values: &'r Cell<bool>) -> Self {
        Self {
            text,
            long_arrays,
            tables: Tables::new(),
            open: Vec::new(),
            keys: Vec::new(),
            header: None,
            has_error: false,
            discard_values,
            errors: SyntaxErrors::default(),
        }
    }

    /// Returns the tables and the errors when the parser has reported its last event.
    pub(super) fn finish(self) -> (Tables<'t>, SyntaxErrors) {
        (self.tables, self.errors)
    }

    /// Returns the source text of a span, with the quotes that it has.
    fn raw(&self, span: Span, encoding: Option<Encoding>) -> Raw<'t> {
        let text = self.text.get(span.start()..span.end()).unwrap_or_default();
        Raw::new_unchecked(text, encoding, span)
    }

    /// Returns a text of several lines with line feeds, so that its meaning does not depend on how the file was saved.
    fn with_line_feeds(&self, span: Span, encoding: Option<Encoding>, text: Cow<'t, str>) -> Cow<'t, str> {
        let raw = self.text.get(span.start()..span.end()).unwrap_or_default();
        let has_lines = matches!(encoding, Some(Encoding::MlBasicString | Encoding::MlLiteralString));
        if !has_lines || !raw.contains("\r\n") {
            return text;
        }
        // An escape `\r` stays, so the line breaks are replaced before the text is decoded, and not after.
        let raw = raw.replace("\r\n", "\n");
        let mut decoded = Cow::Borrowed("");
        let _ = Raw::new_unchecked(&raw, encoding, span).decode_scalar(&mut decoded, &mut |_: ParseError| {});
        Cow::Owned(decoded.into_owned())
    }

    /// Returns the number of names that do not belong to the innermost open value.
    ///
    /// Names of all open values are on one stack, and each value knows where its own names begin.
    fn outer_keys(&self) -> usize {
        self.open.last().map_or(0, |open| open.outer_keys)
    }

    /// Opens an array or a table in braces, and returns whether the parser should continue inside it.
    ///
    /// A value nested too deep is reported and left out with everything in it.
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
    ///
    /// The span of the value ends here. A table in braces is complete and gives its spare memory back.
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
    ///
    /// The names since the last bracket lead to it. An element of an array has none.
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

    /// Records an error. The document is refused now, so further values are only checked.
    fn report(&mut self, error: SyntaxError) {
        self.discard_values.set(true);
        self.errors.push(error);
    }

    /// Drops names without a value and a header without its closing bracket. The parser has reported both as errors.
    ///
    /// Inside brackets a line break has no meaning, and names stay.
    fn end_line(&mut self) {
        if self.open.is_empty() {
            self.keys.clear();
            if let Some(header) = self.header.take() {
                self.tables.detach(header);
            }
        }
    }

    /// Begins a header. Whatever is still open before it stays incomplete: the parser has reported it.
    fn open_header(&mut self, span: Span, is_array: bool) {
        self.open.clear();
        self.keys.clear();
        self.header = Some(Header { range: range(span), is_array });
    }

    /// Ends a header, and opens its table.
    fn close_header(&mut self, span: Span) {
        let Some(header) = self.header.take() else { return };
        let header = Header { range: ByteRange::new(header.range.start(), span.end()), ..header };
        if let Err(error) = self.tables.open_table(header, self.keys.drain(..)) {
            self.report(error);
        }
    }
}

impl EventReceiver for TreeBuilder<'_, '_> {
    /// `[` of a header.
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span, false);
    }

    /// `]` of a header. Its names are in `keys`.
    fn std_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_header(span);
    }

    /// `[[` of a header.
    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span, true);
    }

    /// `]]` of a header.
    fn array_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_header(span);
    }

    /// `{`. Returns whether the parser reports what is inside.
    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.open_value(span, Value::Table(Table::new(Origin::Braces)))
    }

    /// `}`, or where one is missing.
    fn inline_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_value(span);
    }

    /// `[` of a value. A long array gets its capacity at once.
    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        let long = if self.discard_values.get() { None } else { self.long_arrays.get(&span.start()) };
        let capacity = long.map_or(0, |values| values + 1);
        self.open_value(span, Value::Array(Vec::with_capacity(capacity)))
    }

    /// `]` of a value, or where one is missing.
    fn array_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_value(span);
    }

    /// One name of a key: the part between two dots. It may be in quotes.
    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let mut name = Cow::Borrowed("");
        self.raw(span, encoding).decode_key(&mut name, error);
        // One name more than the limit is enough to report the depth, so further names are not kept.
        if self.keys.len().saturating_sub(self.outer_keys()) <= MAX_DEPTH {
            self.keys.push(Key { range: range(span), name });
        }
    }

    /// A value that is not an array or a table. A missing value has an empty span.
    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        if mem::take(&mut self.has_error) && span.is_empty() {
            return self.put(Node { range: range(span), value: Value::Null });
        }
        let mut text = Cow::Borrowed("");
        let value = match self.raw(span, encoding).decode_scalar(&mut text, error) {
            ScalarKind::String => Value::Text(self.with_line_feeds(span, encoding, text)),
            ScalarKind::Boolean(value) => Value::Bool(value),
            ScalarKind::DateTime => datetime(&text, span, error),
            ScalarKind::Float => Value::Number(text),
            ScalarKind::Integer(radix) => integer(text, radix, span, error),
        };
        self.put(Node { range: range(span), value });
    }

    /// `,` between values.
    fn value_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        // A name without a value leaves itself on the stack.
        self.keys.truncate(self.outer_keys());
    }

    /// The end of a line, which also ends a header or a value outside of brackets.
    fn newline(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.end_line();
    }

    /// `=`. The value that follows has no error yet.
    fn key_val_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.has_error = false;
    }

    /// Tokens that the parser skips after an error.
    fn error(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.has_error = true;
    }
}

fn range(span: Span) -> ByteRange {
    ByteRange::new(span.start(), span.end())
}
