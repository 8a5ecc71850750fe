//! The changes of an `ALTER` statement, found by its words.

use super::change::{Change, ChangeKind};
use super::condition::rejects_null;
use super::dialect::Dialect;
use super::name::Name;
use super::scan::{Cursor, Event};
use super::token::{Token, TokenKind};

/// The object of an `ALTER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Table,
    /// A view, a type, a domain, a schema, a database or a sequence.
    Other,
}

/// Objects without data of their own.
const NEUTRAL: [&str; 22] = [
    "INDEX",
    "FUNCTION",
    "PROCEDURE",
    "ROUTINE",
    "AGGREGATE",
    "TRIGGER",
    "POLICY",
    "ROLE",
    "USER",
    "GROUP",
    "EXTENSION",
    "COLLATION",
    "CONVERSION",
    "OPERATOR",
    "LANGUAGE",
    "SERVER",
    "TABLESPACE",
    "RULE",
    "PUBLICATION",
    "SUBSCRIPTION",
    "STATISTICS",
    "EVENT",
];

/// Reads an `ALTER` after its first word. Returns whether it changes an object with data.
pub(super) fn scan(word: &Token<'_>, cursor: &mut Cursor<'_, '_>, events: &mut Vec<Event>) -> bool {
    let before = *cursor;
    let _ = cursor.eat_any(&["IGNORE", "ONLINE", "OFFLINE", "FOREIGN", "MATERIALIZED"]);
    let kind = if cursor.eat(&["TABLE"]) {
        Kind::Table
    } else if cursor.eat_any(&["VIEW", "TYPE", "DOMAIN", "SCHEMA", "DATABASE", "SEQUENCE"]) {
        Kind::Other
    } else if before.peek().is_some_and(|token| token.is("COLUMN")) {
        // A part of a statement that a program puts together.
        let operation = Operation { object: None, kind: Kind::Table, word: *word };
        let mut rest = before;
        let _ = rest.eat(&["COLUMN"]);
        return operation.alter_column(&mut rest, events);
    } else if before.peek().is_some_and(|token| NEUTRAL.iter().any(|kind| token.is(kind))) {
        cursor.advance(cursor.statement().len());
        return true;
    } else {
        return false;
    };
    cursor.eat_if_exists();
    let _ = cursor.eat(&["ONLY"]);
    let object = cursor.name().map(|(name, _)| name);
    let _ = cursor.eat_mark("*");
    let tokens = cursor.statement();
    for part in split(tokens) {
        let word = part.first().copied().unwrap_or(*word);
        Operation { object: object.clone(), kind, word }.read(&mut Cursor::new(part, cursor.dialect), events);
    }
    cursor.advance(tokens.len());
    true
}

/// Whether the first words of each operation of an `ALTER TABLE` show what it does: it is a storage option, a conversion,
/// or about an index or a constraint. `sqlparser` does not know most of these.
pub(super) fn is_plain(tokens: &[Token<'_>], dialect: Dialect) -> bool {
    const OPTIONS: [&str; 12] = [
        "AUTO_INCREMENT",
        "CHARACTER",
        "CHARSET",
        "COLLATE",
        "COMMENT",
        "CONVERT",
        "DISABLE",
        "ENABLE",
        "ENGINE",
        "FORCE",
        "KEY_BLOCK_SIZE",
        "ROW_FORMAT",
    ];
    let mut cursor = Cursor::new(tokens, dialect);
    if !cursor.eat(&["ALTER", "TABLE"]) {
        return false;
    }
    cursor.eat_if_exists();
    let _ = cursor.eat(&["ONLY"]);
    if cursor.name().is_none() || cursor.rest().is_empty() {
        return false;
    }
    let is_known = |part: &[Token<'_>]| {
        let mut part = Cursor::new(part, dialect);
        if part.eat_any(&OPTIONS) || part.eat(&["ALTER", "CONSTRAINT"]) {
            return true;
        }
        if part.eat_any(&["DROP", "RENAME"]) {
            return part.eat_any(&["INDEX", "KEY"]) && !part.rest().is_empty();
        }
        // `ALTER COLUMN a SET (n = 1)` is about statistics.
        part.eat(&["ALTER"]) && {
            let _ = part.eat(&["COLUMN"]);
            part.part().is_some() && part.eat(&["SET"]) && part.eat_mark("(")
        }
    };
    split(cursor.rest()).all(is_known)
}

/// Splits at the commas outside of parentheses.
fn split<'a, 't>(tokens: &'a [Token<'t>]) -> impl Iterator<Item = &'a [Token<'t>]> {
    let mut depth = 0_i32;
    tokens.split(move |token| {
        depth += i32::from(token.is_mark("(")) - i32::from(token.is_mark(")"));
        depth == 0 && token.is_mark(",")
    })
}

/// One operation of a statement.
struct Operation<'t> {
    object: Option<Name>,
    kind: Kind,
    /// The first word of the operation.
    word: Token<'t>,
}

impl<'t> Operation<'t> {
    fn change(&self, kind: ChangeKind, part: Option<&Token<'t>>) -> Change {
        Change {
            object: self.object.clone(),
            part: part.map(|part| part.text.to_owned()),
            ..Change::new(kind, part.unwrap_or(&self.word).offset)
        }
    }

    fn read(&self, cursor: &mut Cursor<'_, 't>, events: &mut Vec<Event>) {
        const OTHER: [&str; 3] = ["INDEX", "CONSTRAINT", "CHECK"];
        let Some(first) = cursor.peek().copied().filter(|token| token.kind == TokenKind::Word) else { return };
        let mut push = |change: Change| events.push(Event::Change(change));
        cursor.advance(1);
        match first.text.to_ascii_uppercase().as_str() {
            "DROP" => self.drop(first, cursor, &mut push),
            "RENAME" => self.rename(first, cursor, &mut push),
            "ALTER" => {
                let named = cursor.eat_any(&["COLUMN", "ATTRIBUTE"]);
                if named || !cursor.peek().is_some_and(|token| OTHER.iter().any(|word| token.is(word))) {
                    self.alter_column(cursor, events);
                }
            }
            "MODIFY" => {
                let _ = cursor.eat(&["COLUMN"]);
                cursor.eat_if_exists();
                push(self.change(ChangeKind::ChangeType, cursor.part().as_ref()));
            }
            "CHANGE" => {
                let _ = cursor.eat(&["COLUMN"]);
                cursor.eat_if_exists();
                let (old, new) = (cursor.part(), cursor.part());
                let is_same = old.zip(new).is_some_and(|(old, new)| old.text.eq_ignore_ascii_case(new.text));
                let kind = if is_same { ChangeKind::ChangeType } else { ChangeKind::RenameColumn };
                push(self.change(kind, old.as_ref()));
            }
            "ADD" => self.add(cursor, &mut push),
            "SET" if cursor.eat(&["SCHEMA"]) => push(self.change(self.renamed(), None)),
            "SET" if cursor.eat(&["NOT", "NULL"]) => push(self.change(ChangeKind::SetNotNull, None)),
            "CONVERT" if cursor.eat(&["TO"]) => push(self.change(ChangeKind::ChangeType, None)),
            "DETACH" | "TRUNCATE" | "EXCHANGE" | "DISCARD" if cursor.eat_any(&["PARTITION", "TABLESPACE"]) => {
                push(self.change(ChangeKind::DropPartition, None));
            }
            "NO" if cursor.eat(&["INHERIT"]) => push(self.change(ChangeKind::DropPartition, None)),
            _ => {}
        }
    }

    fn renamed(&self) -> ChangeKind {
        if self.kind == Kind::Table { ChangeKind::RenameTable } else { ChangeKind::Rename }
    }

    /// `DROP [COLUMN] a`. Other parts of a table hold no data.
    fn drop(&self, word: Token<'t>, cursor: &mut Cursor<'_, 't>, push: &mut impl FnMut(Change)) {
        const PARTS: [&str; 7] = ["CONSTRAINT", "INDEX", "KEY", "PRIMARY", "FOREIGN", "CHECK", "PERIOD"];
        if cursor.eat(&["PARTITION"]) {
            return push(self.change(ChangeKind::DropPartition, Some(&word)));
        }
        let is_named = cursor.eat_any(&["COLUMN", "ATTRIBUTE"]);
        let is_last = |token: &Token<'_>| token.is("CASCADE") || token.is("RESTRICT");
        // PostgreSQL allows a column named `index` or `key`, of which nothing but the name follows.
        let is_alone = cursor.rest().get(1).is_none_or(is_last);
        let is_part = cursor.peek().is_some_and(|token| PARTS.iter().any(|part| token.is(part)));
        let is_column = self.kind == Kind::Table || is_named;
        if !is_column || (is_part && !is_named && !is_alone) {
            return;
        }
        if !is_named && ["DEFAULT", "NOT", "EXPRESSION", "IDENTITY"].iter().any(|word| cursor.eat(&[word])) {
            return;
        }
        cursor.eat_if_exists();
        // MariaDB and Oracle allow a list in parentheses.
        let _ = cursor.eat_mark("(");
        push(self.change(ChangeKind::DropColumn, cursor.part().as_ref()));
    }

    fn rename(&self, word: Token<'t>, cursor: &mut Cursor<'_, 't>, push: &mut impl FnMut(Change)) {
        const PARTS: [&str; 3] = ["INDEX", "KEY", "CONSTRAINT"];
        if cursor.eat_any(&["TO", "AS", "="]) {
            let to = cursor.name().map(|(name, _)| name);
            return push(Change { to, offset: word.offset, ..self.change(self.renamed(), None) });
        }
        let is_part = cursor.peek().is_some_and(|token| PARTS.iter().any(|part| token.is(part)));
        if is_part && !cursor.rest().get(1).is_some_and(|token| token.is("TO")) {
            return;
        }
        if cursor.eat_any(&["VALUE", "ATTRIBUTE"]) && cursor.rest().len() > 2 {
            return push(self.change(ChangeKind::Rename, cursor.peek()));
        }
        let _ = cursor.eat(&["COLUMN"]);
        cursor.eat_if_exists();
        let mut ahead = *cursor;
        let part = ahead.part();
        if ahead.eat(&["TO"]) {
            push(self.change(ChangeKind::RenameColumn, part.as_ref()));
        } else {
            // `RENAME b`, in MySQL.
            let to = cursor.name().map(|(name, _)| name);
            push(Change { to, offset: word.offset, ..self.change(self.renamed(), None) });
        }
    }

    /// `ALTER COLUMN a TYPE b`, after the keywords. Returns whether it is a change.
    fn alter_column(&self, cursor: &mut Cursor<'_, 't>, events: &mut Vec<Event>) -> bool {
        cursor.eat_if_exists();
        let part = cursor.part();
        let kind = if cursor.eat(&["TYPE"]) || cursor.eat(&["SET", "DATA", "TYPE"]) {
            ChangeKind::ChangeType
        } else if cursor.eat(&["SET", "NOT", "NULL"]) {
            ChangeKind::SetNotNull
        } else {
            return false;
        };
        events.push(Event::Change(self.change(kind, part.as_ref())));
        true
    }

    /// `ADD [COLUMN] a`, `ADD PRIMARY KEY (a)` or `ADD CHECK (a IS NOT NULL)`.
    fn add(&self, cursor: &mut Cursor<'_, 't>, push: &mut impl FnMut(Change)) {
        // PostgreSQL allows columns named `index` or `key`. A new index has no NOT NULL, so it is no change either way.
        const PARTS: [&str; 5] = ["UNIQUE", "FOREIGN", "FULLTEXT", "SPATIAL", "EXCLUDE"];
        let is_named = cursor.eat_any(&["COLUMN", "ATTRIBUTE"]);
        if !is_named && cursor.eat(&["CONSTRAINT"]) {
            // MySQL allows a constraint without a name.
            let is_unnamed = cursor.peek().is_some_and(|token| token.is("PRIMARY") || token.is("CHECK"));
            cursor.advance(usize::from(!is_unnamed));
        }
        if !is_named && (cursor.eat(&["PRIMARY", "KEY"]) || cursor.eat(&["NOT", "NULL"])) {
            return push(self.change(ChangeKind::SetNotNull, None));
        }
        if !is_named && cursor.eat(&["CHECK"]) {
            if rejects_null(cursor.rest()) {
                // The condition begins with the column, or with a function or a parenthesis.
                let column = match cursor.rest() {
                    [_, column, next, ..] if !column.is_mark("(") && !next.is_mark("(") => Some(column),
                    _ => None,
                };
                push(self.change(ChangeKind::SetNotNull, column));
            }
            return;
        }
        let is_part = cursor.peek().is_some_and(|token| PARTS.iter().any(|part| token.is(part)));
        if self.kind != Kind::Table || (is_part && !is_named) {
            return;
        }
        cursor.eat_if_exists();
        let rest = cursor.rest();
        match rest.split_first() {
            // `ADD (a …, b …)`, in MySQL.
            Some((open, columns)) if open.is_mark("(") => {
                let columns = columns.strip_suffix(rest.get(rest.len().saturating_sub(1)..).unwrap_or_default());
                split(columns.unwrap_or_default()).for_each(|column| self.add_column(column, push));
            }
            _ => self.add_column(rest, push),
        }
    }

    /// One new column: its name, its type and its constraints.
    fn add_column(&self, tokens: &[Token<'t>], push: &mut impl FnMut(Change)) {
        const FILLED: [&str; 8] =
            ["DEFAULT", "GENERATED", "SERIAL", "BIGSERIAL", "SMALLSERIAL", "AUTO_INCREMENT", "AUTOINCREMENT", "AS"];
        let pair = |a: &str, b: &str| {
            tokens.windows(2).any(|pair| matches!(pair, [first, second] if first.is(a) && second.is(b)))
        };
        let mut depth = 0_i32;
        // `CAST(a AS b)` and `ON DELETE SET DEFAULT` fill nothing.
        let is_filled = tokens.windows(2).any(|pair| {
            let [before, token] = pair else { return false };
            depth += i32::from(before.is_mark("(")) - i32::from(before.is_mark(")"));
            depth == 0 && !before.is("SET") && FILLED.iter().any(|word| token.is(word))
        });
        let check = tokens.iter().position(|token| token.is("CHECK")).and_then(|at| tokens.get(at + 1..));
        let requires = pair("NOT", "NULL") || pair("PRIMARY", "KEY") || check.is_some_and(rejects_null);
        if requires && (!is_filled || pair("DEFAULT", "NULL")) {
            push(self.change(ChangeKind::AddNotNull, tokens.first()));
        }
    }
}
