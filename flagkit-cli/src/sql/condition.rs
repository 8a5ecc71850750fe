//! Conditions that are always true, and conditions that reject NULL.

use super::token::{Token, TokenKind};

/// Words of conditions that name no column.
const CONSTANT: [&str; 17] = [
    "AND", "AS", "BETWEEN", "BOOL", "BOOLEAN", "CAST", "EXISTS", "FALSE", "IN", "INT", "INTEGER", "IS", "LIKE", "NOT",
    "NULL", "SELECT", "TRUE",
];
/// How deep the parentheses of a condition are searched.
const MAX_DEPTH: usize = 16;

/// Whether a `DELETE` has a `LIMIT` outside of parentheses, or a `WHERE` that is not always true.
pub(super) fn limits(statement: &[Token<'_>]) -> bool {
    const ENDS: [&str; 2] = ["RETURNING", "ORDER"];
    let outside: Vec<(usize, &Token<'_>)> = outside(statement).collect();
    let find = |words: &[&str], from: usize| {
        let is_any = |token: &Token<'_>| words.iter().any(|word| token.is(word));
        outside.iter().find(|(at, token)| *at >= from && is_any(token)).map(|(at, _)| *at)
    };
    if find(&["LIMIT"], 0).is_some() {
        return true;
    }
    find(&["WHERE"], 0).is_some_and(|at| {
        let end = find(&ENDS, at).unwrap_or(statement.len());
        !is_always_true(statement.get(at + 1..end).unwrap_or_default(), 0)
    })
}

/// Whether a `MERGE` deletes all rows: both its `ON` and the condition of a `DELETE` are always true.
pub(super) fn deletes_all(statement: &[Token<'_>]) -> bool {
    let outside: Vec<(usize, &Token<'_>)> = outside(statement).collect();
    let after =
        |word: &str, from: usize| outside.iter().find(|(at, token)| *at >= from && token.is(word)).map(|(at, _)| *at);
    let part = |from: usize, to: usize| statement.get(from + 1..to).unwrap_or_default();
    let Some((on, mut when)) = after("ON", 0).and_then(|on| Some((on, after("WHEN", on)?))) else { return false };
    if !is_always_true(part(on, when), 0) {
        return false;
    }
    while let Some(then) = after("THEN", when) {
        let condition = after("AND", when).filter(|and| *and < then).map(|and| part(and, then));
        let deletes = statement.get(then + 1).is_some_and(|token| token.is("DELETE"));
        if deletes && condition.is_none_or(|condition| is_always_true(condition, 0)) {
            return true;
        }
        let Some(next) = after("WHEN", then) else { break };
        when = next;
    }
    false
}

/// Whether a condition of a `CHECK` rejects NULL in a column: `a IS NOT NULL`, `NOT (a IS NULL)` or `a NOTNULL`.
///
/// `tokens` begin at the open parenthesis.
pub(super) fn rejects_null(tokens: &[Token<'_>]) -> bool {
    // `NOT IN` and `NOT LIKE` negate no `IS NULL`.
    const OPERATORS: [&str; 7] = ["BETWEEN", "GLOB", "ILIKE", "IN", "LIKE", "REGEXP", "SIMILAR"];
    let inner = super::scan::end_of_statement(tokens.get(1..).unwrap_or_default());
    let is_null = |token: &Token<'_>| token.is("NULL") || token.is("ISNULL");
    let negation = inner
        .windows(2)
        .position(|pair| matches!(pair, [not, next] if not.is("NOT") && !OPERATORS.iter().any(|word| next.is(word))));
    let is_false = |pair: &[Token<'_>]| matches!(pair, [operator, value] if (operator.is_mark("=") || operator.is("IS")) && value.is("FALSE"));
    inner.iter().any(|token| token.is("NOTNULL"))
        || count_rejects_null(inner)
        || negation.is_some_and(|at| inner.iter().skip(at).any(is_null))
        || (inner.iter().any(is_null) && inner.windows(2).any(is_false))
}

/// Whether a condition on `num_nonnulls(…)` or `num_nulls(…)` rejects NULL in each argument.
///
/// `num_nonnulls(a, b) = 1` does not: rows that satisfied it without `b` still do. Any other comparison may.
fn count_rejects_null(tokens: &[Token<'_>]) -> bool {
    let Some(at) = tokens.iter().position(|token| token.is("num_nonnulls") || token.is("num_nulls")) else {
        return false;
    };
    let arguments = tokens.get(at + 1..).unwrap_or_default();
    let (mut depth, mut count, mut end) = (0_usize, 1_usize, None);
    for (index, token) in arguments.iter().enumerate() {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 1 => count += 1,
            _ => {}
        }
        if depth == 0 {
            end = Some(index + 1);
            break;
        }
    }
    let expected = if tokens.get(at).is_some_and(|token| token.is("num_nulls")) { 0 } else { count };
    match end.and_then(|end| arguments.get(end..)) {
        Some([equals, number, ..]) if equals.is_mark("=") => number.text.parse() == Ok(expected),
        _ => true,
    }
}

/// Whether a condition holds for every row, because it names no column. One that is always false counts too.
fn is_always_true(condition: &[Token<'_>], depth: usize) -> bool {
    let condition = unwrap(condition);
    if condition.is_empty() || depth > MAX_DEPTH {
        return false;
    }
    let is_constant = |tokens: &[Token<'_>]| tokens.iter().all(is_constant);
    if is_constant(condition) {
        return true;
    }
    let mut parts = split(condition, &|token| token.is("OR"));
    if parts.len() > 1 {
        return parts.into_iter().any(|part| is_always_true(part, depth + 1) && !is_false(part));
    }
    parts = split(condition, &|token| token.is("AND"));
    if parts.len() > 1 {
        return parts.into_iter().all(|part| is_always_true(part, depth + 1));
    }
    // `a = a`
    let sides = split(condition, &|token| token.is_mark("="));
    let texts = |side: &[Token<'_>]| side.iter().map(|token| token.text.to_lowercase()).collect::<Vec<_>>();
    matches!(sides.as_slice(), [left, right] if texts(left) == texts(right))
}

fn is_constant(token: &Token<'_>) -> bool {
    match token.kind {
        TokenKind::Number | TokenKind::Text | TokenKind::Body => true,
        TokenKind::Mark => !["@", "$", "?", "%", "{"].contains(&token.text),
        TokenKind::Word => token.is("OR") || CONSTANT.iter().any(|word| token.is(word)),
        _ => false,
    }
}

fn is_false(condition: &[Token<'_>]) -> bool {
    matches!(unwrap(condition), [only] if only.is("FALSE") || only.text == "0")
}

/// Returns the condition without the parentheses around it.
fn unwrap<'a, 't>(mut condition: &'a [Token<'t>]) -> &'a [Token<'t>] {
    while let [open, inner @ .., close] = condition {
        let is_around = open.is_mark("(") && close.is_mark(")");
        if !is_around || super::scan::end_of_statement(inner).len() < inner.len() {
            break;
        }
        condition = inner;
    }
    condition
}

/// Splits at the tokens outside of parentheses that are separators. Empty parts are left out.
fn split<'a, 't>(tokens: &'a [Token<'t>], is_end: &dyn Fn(&Token<'_>) -> bool) -> Vec<&'a [Token<'t>]> {
    let mut depth = 0_i32;
    let parts = tokens.split(move |token| {
        depth += i32::from(token.is_mark("(")) - i32::from(token.is_mark(")"));
        depth == 0 && is_end(token)
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// Returns the tokens outside of parentheses, with their positions.
fn outside<'a, 't>(tokens: &'a [Token<'t>]) -> impl Iterator<Item = (usize, &'a Token<'t>)> {
    let mut depth = 0_i32;
    tokens.iter().enumerate().filter(move |(_, token)| {
        depth += i32::from(token.is_mark("(")) - i32::from(token.is_mark(")"));
        depth == 0
    })
}
