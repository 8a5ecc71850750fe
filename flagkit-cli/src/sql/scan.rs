//! The changes of a statement, found by its words.
//!
//! The search starts at every word, so it finds statements in the bodies of functions and after an error too. It reads
//! more than one grammar, and rather finds too much: a statement that `sqlparser` can parse has the last word.

use super::alter;
use super::change::{Change, ChangeKind};
use super::condition;
use super::dialect::Dialect;
use super::name::Name;
use super::token::{Token, TokenKind};

/// How many words of a statement are searched for its condition. Otherwise, a text that repeats `DELETE` takes time that
/// grows with the square of its length.
const NEAR: usize = 512;

/// What the words of a statement do, in order.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The statement creates a table, which did not exist.
    CreateTable(Name),
    /// The statement creates a temporary table, which lasts to the end of the session.
    CreateTemporary(Name),
    /// The statement creates a table, unless it exists.
    EnsureTable(Name),
    CreateView(Name),
    Change(Change),
}

/// A position in the tokens of one or several statements. Comments are not among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a, 't> {
    pub(super) tokens: &'a [Token<'t>],
    pub(super) dialect: Dialect,
    at: usize,
}

impl<'a, 't> Cursor<'a, 't> {
    pub(super) fn new(tokens: &'a [Token<'t>], dialect: Dialect) -> Self {
        Self { tokens, dialect, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<&'a Token<'t>> {
        self.tokens.get(self.at)
    }

    /// Returns the tokens that have not been read.
    pub(super) fn rest(&self) -> &'a [Token<'t>] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.at = (self.at + count).min(self.tokens.len());
    }

    /// Reads these keywords, or nothing.
    pub(super) fn eat(&mut self, keywords: &[&str]) -> bool {
        let rest = self.rest();
        let found = rest.len() >= keywords.len() && rest.iter().zip(keywords).all(|(token, word)| token.is(word));
        if found {
            self.advance(keywords.len());
        }
        found
    }

    /// Reads one of these keywords, or nothing.
    pub(super) fn eat_any(&mut self, keywords: &[&str]) -> bool {
        keywords.iter().any(|word| self.eat(&[word]))
    }

    pub(super) fn eat_mark(&mut self, mark: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_mark(mark));
        self.advance(usize::from(found));
        found
    }

    pub(super) fn eat_if_exists(&mut self) {
        let _ = self.eat(&["IF", "EXISTS"]) || self.eat(&["IF", "NOT", "EXISTS"]);
    }

    /// Reads one part of a name. A placeholder of `format`, such as `%I`, is a name too.
    pub(super) fn part(&mut self) -> Option<Token<'t>> {
        let token = *self.peek()?;
        if self.eat_mark("%") {
            self.advance(1);
            return Some(token);
        }
        let is_name = match token.kind {
            TokenKind::Word | TokenKind::Quoted => true,
            TokenKind::Text => self.dialect != Dialect::Postgres,
            _ => false,
        };
        self.advance(usize::from(is_name));
        is_name.then_some(token)
    }

    /// Reads a name, with the offset of its first part.
    pub(super) fn name(&mut self) -> Option<(Name, usize)> {
        let mut parts = vec![self.part()?];
        while self.peek().is_some_and(|token| token.is_mark(".")) {
            self.advance(1);
            parts.extend(self.part());
        }
        let offset = parts.first().map_or(0, |token| token.offset);
        Some((Name::new(&parts, self.dialect), offset))
    }

    /// Returns the tokens up to the end of the statement, or of the parentheses around it.
    pub(super) fn statement(&self) -> &'a [Token<'t>] {
        end_of_statement(self.rest())
    }

    /// Returns the first tokens of the statement.
    fn near_statement(&self) -> &'a [Token<'t>] {
        let rest = self.rest();
        end_of_statement(rest.get(..NEAR).unwrap_or(rest))
    }
}

pub(super) fn end_of_statement<'a, 't>(tokens: &'a [Token<'t>]) -> &'a [Token<'t>] {
    let mut depth = 0_usize;
    let end = tokens.iter().position(|token| match (token.kind, token.text) {
        (TokenKind::Command | TokenKind::End, _) | (TokenKind::Mark, ";") => true,
        (TokenKind::Mark, "(") => {
            depth += 1;
            false
        }
        (TokenKind::Mark, ")") => {
            let is_end = depth == 0;
            depth = depth.saturating_sub(1);
            is_end
        }
        _ => false,
    });
    tokens.get(..end.unwrap_or(tokens.len())).unwrap_or_default()
}

/// Finds what the tokens do.
pub(super) fn scan(tokens: &[Token<'_>], dialect: Dialect) -> Vec<Event> {
    let mut events = Vec::new();
    let mut cursor = Cursor::new(tokens, dialect);
    let mut before: Option<&Token<'_>> = None;
    while let Some(token) = cursor.peek() {
        let mut ahead = cursor;
        ahead.advance(1);
        let found = token.kind == TokenKind::Word && statement(token, before, &mut ahead, &mut events);
        if found {
            cursor = ahead;
        } else {
            cursor.advance(1);
        }
        before = Some(token);
    }
    events
}

/// Reads one statement after its first word. Returns whether the word begins one.
fn statement(
    word: &Token<'_>,
    before: Option<&Token<'_>>,
    cursor: &mut Cursor<'_, '_>,
    events: &mut Vec<Event>,
) -> bool {
    let is_clause = |words: &[&str]| before.is_some_and(|before| words.iter().any(|it| before.is(it)));
    match word.text.to_ascii_uppercase().as_str() {
        "DROP" => drop_object(word, cursor, events),
        "ALTER" => alter::scan(word, cursor, events),
        "CREATE" => create(cursor, events),
        "TRUNCATE" if !is_clause(&["OR", "BEFORE", "AFTER", "ON"]) => truncate(word, cursor, events),
        "RENAME" => rename(word, cursor, events),
        "DELETE" if !is_clause(&["ON", "OR", "BEFORE", "AFTER", "OF"]) => delete(word, cursor, events),
        "UPDATE" => update(cursor, events),
        "MERGE" => merge(cursor, events),
        "GRANT" | "REVOKE" => {
            cursor.advance(cursor.statement().len());
            true
        }
        "SET" if cursor.eat(&["NOT", "NULL"]) => {
            events.push(Event::Change(Change::new(ChangeKind::SetNotNull, word.offset)));
            true
        }
        "MODIFY" | "CHANGE" if cursor.eat(&["COLUMN"]) => {
            events.push(Event::Change(Change::new(ChangeKind::ChangeType, word.offset)));
            true
        }
        _ => false,
    }
}

/// `DROP TABLE a, b`.
fn drop_object(word: &Token<'_>, cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    let is_temporary = cursor.eat_any(&["TEMPORARY", "TEMP"]);
    let kind = if cursor.eat_any(&["TABLE", "TABLES"]) || cursor.eat(&["FOREIGN", "TABLE"]) {
        ChangeKind::DropTable
    } else if cursor.eat(&["VIEW"]) || cursor.eat(&["MATERIALIZED", "VIEW"]) {
        ChangeKind::DropView
    } else if cursor.eat_any(&["SCHEMA", "DATABASE"]) || cursor.eat(&["OWNED", "BY"]) {
        ChangeKind::DropSchema
    } else if cursor.eat_any(&["TYPE", "DOMAIN", "SEQUENCE"]) {
        ChangeKind::DropType
    } else if cursor.eat(&["COLUMN"]) {
        ChangeKind::DropColumn
    } else if cursor.eat(&["PARTITION"]) {
        ChangeKind::DropPartition
    } else {
        const INDEPENDENT: [&str; 6] = ["INDEX", "TRIGGER", "POLICY", "RULE", "CONSTRAINT", "DEFAULT"];
        let cascades = cursor.near_statement().iter().any(|token| token.is("CASCADE"));
        if !cascades || INDEPENDENT.iter().any(|kind| cursor.peek().is_some_and(|token| token.is(kind))) {
            return false;
        }
        if cursor.eat_any(&["FUNCTION", "PROCEDURE", "ROUTINE"]) {
            events.push(Event::Change(Change::new(ChangeKind::DropFunctions, word.offset)));
            return true;
        }
        cursor.advance(1);
        ChangeKind::DropCascade
    };
    cursor.eat_if_exists();
    loop {
        let (object, offset) = match cursor.name() {
            Some((name, offset)) => (Some(name), offset),
            None => (None, word.offset),
        };
        let is_temporary = is_temporary || object.as_ref().is_some_and(Name::is_temporary);
        let change = Change { object, is_temporary, ..Change::new(kind, offset) };
        events.push(Event::Change(change));
        if !cursor.eat_mark(",") {
            return true;
        }
    }
}

/// `CREATE TABLE a`.
fn create(cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    let replaces = cursor.eat(&["OR", "REPLACE"]);
    let is_temporary = cursor.eat_any(&["TEMPORARY", "TEMP"]);
    let _ = cursor.eat_any(&["UNLOGGED", "GLOBAL", "LOCAL", "RECURSIVE", "FOREIGN", "VIRTUAL", "MATERIALIZED"]);
    let is_temporary = is_temporary || cursor.eat_any(&["TEMPORARY", "TEMP"]);
    let is_view = cursor.eat_any(&["VIEW"]);
    if !is_view && !cursor.eat(&["TABLE"]) {
        return false;
    }
    let may_exist = cursor.eat(&["IF", "NOT", "EXISTS"]);
    let Some((name, offset)) = cursor.name() else { return false };
    if is_view {
        events.push(Event::CreateView(name));
    } else if replaces && !is_temporary {
        events.push(Event::Change(Change { object: Some(name), ..Change::new(ChangeKind::ReplaceTable, offset) }));
    } else if is_temporary {
        let ends = |words: &[Token<'_>]| matches!(words, [on, commit, drop] if on.is("ON") && commit.is("COMMIT") && drop.is("DROP"));
        if !name.is_qualified() && !cursor.rest().windows(3).any(ends) {
            events.push(Event::CreateTemporary(name));
        }
    } else if !may_exist {
        events.push(Event::CreateTable(name));
    } else {
        events.push(Event::EnsureTable(name));
    }
    true
}

/// `TRUNCATE a, b`. MySQL has a function of this name, and triggers have an event.
fn truncate(word: &Token<'_>, cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    let is_table = cursor.eat(&["TABLE"]);
    if !is_table && cursor.peek().is_some_and(|token| token.is("ON") || token.is("OR") || token.is_mark("(")) {
        return false;
    }
    let _ = cursor.eat(&["ONLY"]);
    loop {
        let Some((name, offset)) = cursor.name() else {
            if is_table {
                events.push(Event::Change(Change::new(ChangeKind::Truncate, word.offset)));
            }
            return is_table;
        };
        events.push(Event::Change(Change { object: Some(name), ..Change::new(ChangeKind::Truncate, offset) }));
        let _ = cursor.eat_mark("*");
        if !cursor.eat_mark(",") {
            return true;
        }
    }
}

/// `UPDATE sqlite_master` or `UPDATE pg_enum`, which change the schema by hand.
fn update(cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    let Some((name, offset)) = cursor.name().filter(|(name, _)| name.is_catalog()) else { return false };
    events.push(Event::Change(Change { object: Some(name), ..Change::new(ChangeKind::ChangeType, offset) }));
    true
}

/// `RENAME TABLE a TO b, c TO d`, or a part of an `ALTER` that is not known here.
fn rename(word: &Token<'_>, cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    if cursor.eat(&["COLUMN"]) {
        events.push(Event::Change(Change::new(ChangeKind::RenameColumn, word.offset)));
        return true;
    }
    if cursor.eat(&["TO"]) {
        events.push(Event::Change(Change::new(ChangeKind::RenameTable, word.offset)));
        return true;
    }
    if !cursor.eat_any(&["TABLE", "TABLES"]) {
        return false;
    }
    cursor.eat_if_exists();
    while let Some((name, offset)) = cursor.name() {
        let to = cursor.eat_any(&["TO", "AS"]).then(|| cursor.name()).flatten();
        let to = to.map(|(to, _)| to);
        events.push(Event::Change(Change { object: Some(name), to, ..Change::new(ChangeKind::RenameTable, offset) }));
        if !cursor.eat_mark(",") {
            break;
        }
    }
    true
}

/// `DELETE FROM a` without a `WHERE`. MySQL has a form with tables before the `FROM`.
fn delete(word: &Token<'_>, cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    while cursor.eat_any(&["LOW_PRIORITY", "QUICK", "IGNORE"]) {}
    let statement = cursor.near_statement();
    if !cursor.eat(&["FROM"]) {
        let is_list = |token: &Token<'_>| {
            matches!(token.kind, TokenKind::Word | TokenKind::Quoted) || [",", ".", "*"].contains(&token.text)
        };
        let from = statement.iter().take(8).position(|token| token.is("FROM"));
        let Some(from) = from.filter(|from| statement.iter().take(*from).all(is_list)) else { return false };
        cursor.advance(from + 1);
    }
    let _ = cursor.eat(&["ONLY"]);
    let (object, offset) = match cursor.name() {
        Some((name, offset)) => (Some(name), offset),
        None => (None, word.offset),
    };
    let kind = if object.as_ref().is_some_and(Name::is_catalog) {
        ChangeKind::ChangeType
    } else if !condition::limits(statement) {
        ChangeKind::DeleteAll
    } else {
        return true;
    };
    events.push(Event::Change(Change { object, ..Change::new(kind, offset) }));
    true
}

/// `MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE`.
fn merge(cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    let _ = cursor.eat(&["INTO"]);
    let _ = cursor.eat(&["ONLY"]);
    let Some((object, offset)) = cursor.name() else { return false };
    let statement = cursor.near_statement();
    if condition::deletes_all(statement) {
        let change = Change { object: Some(object), ..Change::new(ChangeKind::DeleteAll, offset) };
        events.push(Event::Change(change));
    }
    statement.iter().any(|token| token.is("USING"))
}
