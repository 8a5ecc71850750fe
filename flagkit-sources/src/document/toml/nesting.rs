//! The limit on open brackets, which bounds the recursion of `toml_parser`.
//!
//! # The problem
//!
//! `toml_parser` recurses once for each open bracket. Its events for opening and closing are balanced in well-formed
//! text, but not in `{ a [`: there it reports the close of a bracket that it never reported as open. A depth that is
//! counted from events would therefore be too low, and a text of many lines `{ a [b]` would overflow the stack.
//!
//! # The idea
//!
//! [`check_nesting`] counts tokens before parsing: a bracket is open until the bracket that matches it. So the parser
//! never has more brackets open than are counted here. The brackets of a header contain no other brackets and are
//! skipped.

use std::collections::HashMap;

use toml_parser::lexer::{Token, TokenKind};

use super::super::node::MAX_DEPTH;
use super::super::syntax_error::SyntaxError;

/// Returns an error if brackets nest too deep for the parser's recursion. Otherwise returns the number of values in
/// each long array, by the offset of the array.
///
/// The number of values is that of commas after a value. It gives an array its capacity, because a list that grows
/// needs more than twice its memory while it is copied.
pub(super) fn check_nesting(tokens: &[Token]) -> Result<HashMap<usize, usize>, SyntaxError> {
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
///
/// [`check_nesting`] keeps these as a stack. A closing bracket of the other kind closes nothing.
struct OpenBracket {
    kind: TokenKind,
    offset: usize,
    values: usize,
}

impl OpenBracket {
    /// Returns whether a token closes this bracket. One of the other kind does not.
    fn is_closed_by(&self, kind: TokenKind) -> bool {
        matches!(
            (self.kind, kind),
            (TokenKind::LeftSquareBracket, TokenKind::RightSquareBracket)
                | (TokenKind::LeftCurlyBracket, TokenKind::RightCurlyBracket)
        )
    }
}

/// The error for brackets that nest too deep; `offset` is that of the outermost.
///
/// That is the bracket which was most likely left open. The text is not parsed, so this is the only error.
fn too_many_open(offset: usize, count: usize) -> SyntaxError {
    let got = format!("a bracket that is not closed before {count} more are open");
    let expected = format!("brackets that are closed, and no more than {MAX_DEPTH} levels");
    SyntaxError::new(offset, got, expected).with_help("close the bracket")
}
