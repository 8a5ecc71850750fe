//! The strings in a statement that are code: bodies of functions and blocks, and strings that a statement runs.

use std::collections::BTreeSet;

use super::change::{Change, ChangeKind};
use super::dialect::Dialect;
use super::scan::{Event, scan};
use super::statement::Statement;
use super::token::{Token, TokenKind, Tokens};

/// How deep code in code is searched.
const MAX_DEPTH: usize = 8;
/// The longest text that is put together from the strings of one statement.
const MAX_TEXT: usize = 1 << 16;

/// The result of a search in the strings of a statement.
#[derive(Debug, Default)]
pub(super) struct Code<'t> {
    pub(super) changes: Vec<Change>,
    /// The comments in bodies, which may be markers.
    pub(super) comments: Vec<Token<'t>>,
    /// The offset of the first `EXECUTE` of a text that is known only when it runs.
    pub(super) dynamic: Option<usize>,
}

/// Whether the tokens run strings: `EXECUTE`, `PREPARE`, or a command of a client such as `\gexec`.
///
/// A trigger has `EXECUTE FUNCTION`, and a right to call functions is `EXECUTE ON`.
fn runs_text(tokens: &[Token<'_>]) -> bool {
    let is_gexec = |token: &Token<'_>| token.kind == TokenKind::Command && token.text.starts_with(r"\gexec");
    tokens.iter().any(is_gexec) || execute(tokens).is_some()
}

/// Returns the position of the first word that runs a string.
fn execute(tokens: &[Token<'_>]) -> Option<usize> {
    let is_other = |token: &Token<'_>| ["FUNCTION", "PROCEDURE", "ON"].iter().any(|word| token.is(word));
    let runs = |(at, token): (usize, &Token<'_>)| {
        (token.is("EXECUTE") || token.is("PREPARE")) && !tokens.get(at + 1).is_some_and(is_other)
    };
    tokens.iter().enumerate().position(runs)
}

impl<'t> Code<'t> {
    /// Searches the strings of a statement. `runs_text`: other statements of the file run strings.
    pub(super) fn find(statement: &Statement<'t>, dialect: Dialect, runs_text: bool) -> Self {
        const DATA: [&str; 6] = ["INSERT", "UPDATE", "SELECT", "VALUES", "COMMENT", "COPY"];
        let (mut code, tokens) = (Self::default(), statement.tokens.as_slice());
        let is_data = DATA.iter().any(|word| statement.starts_with(&[word]));
        if is_data && !runs_text && !self::runs_text(tokens) {
            return code;
        }
        // PostgreSQL allows plain strings as bodies too.
        let has_bodies = dialect == Dialect::Postgres && statement.has_body();
        let body = |token: &Token<'t>| match token.kind {
            TokenKind::Text if has_bodies => Token { kind: TokenKind::Body, ..*token },
            _ => *token,
        };
        let tokens: Vec<Token<'t>> = tokens.iter().map(body).collect();
        code.search(&tokens, dialect, runs_text, 0);
        code.changes.sort_by_key(|change| (change.offset, change.kind));
        code.changes.dedup_by_key(|change| (change.offset, change.kind));
        code
    }

    fn search(&mut self, tokens: &[Token<'t>], dialect: Dialect, runs_text: bool, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let is_run = runs_text || self::runs_text(tokens);
        if is_run {
            self.search_joined(tokens, dialect);
        }
        for token in tokens {
            if token.kind != TokenKind::Body && !(is_run && token.kind == TokenKind::Text) {
                continue;
            }
            let start = token.end - token.text.len();
            // A body ends with its tag, and a string with a quote.
            let close =
                if token.kind == TokenKind::Body { (token.end - token.offset - token.text.len()) / 2 } else { 1 };
            let shift = start - close;
            let inner = shifted(Tokens::nested(token.text, dialect), shift);
            let (comments, inner): (Vec<_>, Vec<_>) = inner.into_iter().partition(Token::is_comment);
            if token.kind == TokenKind::Body {
                self.comments.extend(comments);
                self.note_dynamic(&inner);
            }
            self.changes.extend(changes(scan(&inner, dialect)));
            self.search(&inner, dialect, runs_text, depth + 1);
        }
    }

    /// Searches the strings of each statement as one text, because a program may put a statement together from them.
    fn search_joined(&mut self, tokens: &[Token<'t>], dialect: Dialect) {
        for statement in tokens.split(|token| token.is_mark(";")) {
            let texts = || statement.iter().filter(|token| token.kind == TokenKind::Text);
            let Some(first) = texts().next().filter(|_| texts().nth(1).is_some()) else { continue };
            let mut joined = String::new();
            for text in texts().take_while(|text| text.text.len() < MAX_TEXT) {
                if joined.len() + text.text.len() > MAX_TEXT {
                    break;
                }
                joined.push_str(text.text);
                joined.push(' ');
            }
            let inner: Vec<Token<'_>> = Tokens::nested(&joined, dialect).filter(|token| !token.is_comment()).collect();
            // A string that is a whole statement is found at its own position.
            let known: BTreeSet<ChangeKind> = texts()
                .flat_map(|text| {
                    let own: Vec<Token<'_>> = Tokens::nested(text.text, dialect).collect();
                    changes(scan(&own, dialect)).map(|change| change.kind)
                })
                .collect();
            let found = changes(scan(&inner, dialect)).filter(|change| !known.contains(&change.kind));
            self.changes.extend(found.map(|change| Change { offset: first.offset, ..change }));
        }
    }

    /// Records an `EXECUTE` of something other than one string.
    fn note_dynamic(&mut self, tokens: &[Token<'t>]) {
        let Some(at) = execute(tokens) else { return };
        let rest = tokens.get(at + 1..).unwrap_or_default();
        let is_literal = matches!(rest, [text, end, ..] if text.kind == TokenKind::Text && end.is_mark(";"));
        if let Some(token) = tokens.get(at).filter(|_| !is_literal) {
            self.dynamic.get_or_insert(token.offset);
        }
    }
}

/// Returns the tokens of a string with their offsets in the file.
fn shifted(tokens: Tokens<'_>, shift: usize) -> Vec<Token<'_>> {
    tokens
        .map(|token| {
            let kind = if token.kind == TokenKind::End { TokenKind::Mark } else { token.kind };
            Token { kind, offset: token.offset + shift, end: token.end + shift, ..token }
        })
        .collect()
}

fn changes(events: Vec<Event>) -> impl Iterator<Item = Change> {
    events.into_iter().filter_map(|event| match event {
        Event::Change(change) => Some(change),
        Event::CreateTable(_) | Event::CreateTemporary(_) | Event::EnsureTable(_) | Event::CreateView(_) => None,
    })
}
