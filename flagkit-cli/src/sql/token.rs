//! The tokens of a SQL text.
//!
//! `sqlparser` has a tokenizer too. It stops at the first error, and knows neither commands of a client nor the data
//! after `COPY`. This one reads any text to its end, so an error in one statement hides no other statement.

use super::dialect::Dialect;

/// One token, with its offset in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    /// The content, without quotes.
    pub(super) text: &'t str,
    /// The offset of the token.
    pub(super) offset: usize,
    /// The offset after the token.
    pub(super) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A keyword or an unquoted name.
    Word,
    /// A quoted name.
    Quoted,
    /// A string literal.
    Text,
    /// A dollar-quoted string, which is usually the body of a function.
    Body,
    Number,
    /// Any other character.
    Mark,
    Comment,
    /// The end of a statement.
    End,
    /// A command of a client, such as `\i`, to the end of its line.
    Command,
    /// A quote or a comment without an end. The text after it is read as code.
    Unclosed,
}

impl Token<'_> {
    /// Whether the token is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == TokenKind::Mark && self.text == mark
    }

    pub(super) fn is_comment(&self) -> bool {
        self.kind == TokenKind::Comment
    }
}

/// A reader of tokens.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    offset: usize,
    dialect: Dialect,
    /// The text that ends a statement. Clients of MySQL can change it.
    delimiter: &'t str,
    /// Whether the text is the content of a string, in which a backslash escapes a character.
    is_nested: bool,
    /// The first bytes of quotes and comments that have no end after here. Each kind is searched for its end only once.
    unclosed: Vec<u8>,
}

const DELIMITER: &str = ";";

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str, dialect: Dialect) -> Self {
        Self { text, offset: 0, dialect, delimiter: DELIMITER, is_nested: false, unclosed: Vec::new() }
    }

    /// Reads the content of a string as code.
    pub(super) fn nested(text: &'t str, dialect: Dialect) -> Self {
        Self { is_nested: true, ..Self::new(text, dialect) }
    }

    pub(super) fn has_delimiter(&self) -> bool {
        self.delimiter != DELIMITER
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.offset + ahead).copied().unwrap_or_default()
    }

    /// Reads the rest of the line as a command of the client: the new delimiter of `DELIMITER //`.
    pub(super) fn set_delimiter(&mut self) {
        let line = self.line();
        self.delimiter = line.split_whitespace().next().unwrap_or(DELIMITER);
    }

    /// Skips the data of `COPY … FROM STDIN`, which ends at a line `\.`. Returns whether there is such a line.
    pub(super) fn skip_data(&mut self) -> bool {
        let mut offset = self.offset;
        for line in self.rest().split_inclusive('\n') {
            offset += line.len();
            if line.trim_end() == "\\." {
                self.offset = offset;
                return true;
            }
        }
        false
    }

    /// Reads to the end of the line.
    fn line(&mut self) -> &'t str {
        let rest = self.rest();
        // PostgreSQL ends a line at a lone carriage return too.
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        self.offset += line.len();
        line
    }

    fn is_line_start(&self) -> bool {
        let before = self.text.get(..self.offset).unwrap_or_default();
        before.trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|last| last == '\n')
    }

    fn token(&mut self, kind: TokenKind, start: usize, inner: (usize, usize)) -> Token<'t> {
        let text = self.text.get(inner.0..inner.1).unwrap_or_default();
        Token { kind, text, offset: start, end: self.offset }
    }

    /// Reads a token of this many bytes.
    fn take(&mut self, kind: TokenKind, len: usize) -> Token<'t> {
        let start = self.offset;
        self.offset = (start + len).min(self.text.len());
        while !self.text.is_char_boundary(self.offset) {
            self.offset += 1;
        }
        self.token(kind, start, (start, self.offset))
    }

    fn comment(&mut self, marker: usize) -> Token<'t> {
        let start = self.offset;
        self.line();
        self.token(TokenKind::Comment, start, (start + marker, self.offset))
    }

    /// Reads `/* … */`, which nests in PostgreSQL.
    fn block_comment(&mut self) -> Token<'t> {
        let start = self.offset;
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (start + 2, 1);
        while !self.unclosed.contains(&b'*') && at < bytes.len() {
            match bytes.get(at..at + 2) {
                Some(b"*/") => {
                    (at, depth) = (at + 2, depth - 1);
                    if depth == 0 {
                        self.offset = at;
                        return self.token(TokenKind::Comment, start, (start + 2, at - 2));
                    }
                }
                Some(b"/*") if self.dialect == Dialect::Postgres => (at, depth) = (at + 2, depth + 1),
                _ => at += 1,
            }
        }
        self.unclosed.push(b'*');
        self.take(TokenKind::Unclosed, 2)
    }

    /// Reads a quoted token, in which a doubled quote stands for itself.
    fn quoted(&mut self, kind: TokenKind, prefix: usize, close: u8, has_escapes: bool) -> Token<'t> {
        let start = self.offset;
        let bytes = self.text.as_bytes();
        let mut at = start + prefix + 1;
        while !self.unclosed.contains(&close) {
            match bytes.get(at) {
                Some(b'\\') if has_escapes => at += 2,
                Some(byte) if *byte == close && close != b']' && bytes.get(at + 1) == Some(&close) => at += 2,
                Some(byte) if *byte == close => {
                    self.offset = at + 1;
                    return self.token(kind, start, (start + prefix + 1, at));
                }
                Some(_) => at += 1,
                None => self.unclosed.push(close),
            }
        }
        self.take(TokenKind::Unclosed, prefix + 1)
    }

    /// Reads `$tag$ … $tag$`, or returns `None` if there is no tag here.
    fn dollar(&mut self) -> Option<Token<'t>> {
        let start = self.offset;
        let rest = self.rest();
        let tag = rest.get(1..)?.find('$').and_then(|end| rest.get(..end + 2))?;
        let inner = tag.trim_matches('$');
        let is_tag = inner.bytes().all(is_word) && !inner.starts_with(|c: char| c.is_ascii_digit());
        if !is_tag || self.unclosed.contains(&b'$') {
            return None;
        }
        let body = start + tag.len();
        let Some(len) = self.text.get(body..).and_then(|body| body.find(tag)) else {
            self.unclosed.push(b'$');
            return Some(self.take(TokenKind::Unclosed, tag.len()));
        };
        self.offset = body + len + tag.len();
        Some(self.token(TokenKind::Body, start, (body, body + len)))
    }

    /// Skips space, and the marks around code that only MySQL runs: `/*!50110 … */`.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start().len();
            let hint = match self.dialect {
                Dialect::Mysql if rest.starts_with("/*!") || rest.starts_with("/*M!") => {
                    let mark = rest.find('!').unwrap_or_default() + 1;
                    mark + rest.bytes().skip(mark).take_while(u8::is_ascii_digit).count()
                }
                Dialect::Mysql if rest.starts_with("*/") => 2,
                _ => 0,
            };
            if space + hint == 0 {
                return;
            }
            self.offset += if space > 0 { space } else { hint };
        }
    }

    fn word(&mut self) -> Token<'t> {
        let rest = self.rest();
        let len = rest.bytes().take_while(|byte| is_word(*byte) || *byte == b'$').count();
        // A name may contain `$`, but not the delimiter `$$`.
        let end = rest.get(..len).filter(|_| self.has_delimiter()).and_then(|word| word.find(self.delimiter));
        self.take(TokenKind::Word, end.unwrap_or(len).max(1))
    }

    fn number(&mut self) -> Token<'t> {
        let len = self.rest().bytes().take_while(|byte| is_word(*byte) || *byte == b'.').count();
        self.take(TokenKind::Number, len.max(1))
    }

    /// Reads a command of a client.
    fn command(&mut self) -> Token<'t> {
        let start = self.offset;
        self.line();
        self.token(TokenKind::Command, start, (start, self.offset))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        self.skip_space();
        let rest = self.rest();
        let first = *rest.as_bytes().first()?;
        if rest.starts_with(self.delimiter) {
            return Some(self.take(TokenKind::End, self.delimiter.len()));
        }
        let is = |dialect| self.dialect == dialect;
        let mysql = is(Dialect::Mysql);
        let next = self.byte(1);
        Some(match first {
            b'-' if next == b'-' && (!mysql || rest.len() == 2 || self.byte(2).is_ascii_whitespace()) => {
                self.comment(2)
            }
            b'#' if mysql => self.comment(1),
            b'/' if next == b'*' => self.block_comment(),
            b'\'' => self.quoted(TokenKind::Text, 0, b'\'', mysql),
            b'e' | b'E' if next == b'\'' && is(Dialect::Postgres) => self.quoted(TokenKind::Text, 1, b'\'', true),
            b'"' if mysql => self.quoted(TokenKind::Text, 0, b'"', true),
            b'"' => self.quoted(TokenKind::Quoted, 0, b'"', false),
            b'`' if !is(Dialect::Postgres) => self.quoted(TokenKind::Quoted, 0, b'`', false),
            b'[' if is(Dialect::Sqlite) => self.quoted(TokenKind::Quoted, 0, b']', false),
            b'$' if is(Dialect::Postgres) => match self.dollar() {
                Some(token) => token,
                None => self.take(TokenKind::Mark, 1),
            },
            b'\\' if self.is_nested => {
                self.take(TokenKind::Mark, 2);
                return self.next_after_escape();
            }
            b'\\' => self.command(),
            b'.' if is(Dialect::Sqlite) && !self.is_nested && next.is_ascii_alphabetic() && self.is_line_start() => {
                self.command()
            }
            b'0'..=b'9' => self.number(),
            _ if is_word(first) => self.word(),
            _ => self.take(TokenKind::Mark, 1),
        })
    }
}

impl<'t> Tokens<'t> {
    /// Skips further escapes without recursion, because a string may have any number of them.
    fn next_after_escape(&mut self) -> Option<Token<'t>> {
        loop {
            self.skip_space();
            if !self.rest().starts_with('\\') {
                return self.next();
            }
            self.take(TokenKind::Mark, 2);
        }
    }
}
