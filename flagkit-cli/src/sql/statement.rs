//! The statements of a SQL text.

use super::dialect::Dialect;
use super::token::{Token, TokenKind, Tokens};

/// One statement, with the comments that belong to it.
///
/// These are the comments since the statement before it, the comments inside, and those after its end on the same line.
#[derive(Clone, Debug, Default)]
pub(super) struct Statement<'t> {
    /// The tokens without comments and without the end.
    pub(super) tokens: Vec<Token<'t>>,
    pub(super) comments: Vec<Token<'t>>,
    /// Whether the data after a `COPY` has no end.
    pub(super) has_open_data: bool,
}

/// The first words of statements about settings, transactions, rights and indexes.
const NEUTRAL: [&[&str]; 31] = [
    &["ALTER", "INDEX"],
    &["ALTER", "SEQUENCE"],
    &["ANALYZE"],
    &["BEGIN", "TRANSACTION"],
    &["COMMENT"],
    &["COMMIT"],
    &["CREATE", "EXTENSION"],
    &["CREATE", "STATISTICS"],
    &["DEALLOCATE"],
    &["DROP", "EXTENSION"],
    &["DROP", "FUNCTION"],
    &["DROP", "INDEX"],
    &["DROP", "POLICY"],
    &["DROP", "PROCEDURE"],
    &["DROP", "RULE"],
    &["DROP", "TRIGGER"],
    &["GRANT"],
    &["LOCK"],
    &["NOTIFY"],
    &["PRAGMA"],
    &["REINDEX"],
    &["RESET"],
    &["REVOKE"],
    &["ROLLBACK"],
    &["SAVEPOINT"],
    &["SET"],
    &["SHOW"],
    &["START", "TRANSACTION"],
    &["UNLOCK"],
    &["USE"],
    &["VACUUM"],
];

impl Statement<'_> {
    pub(super) fn start(&self) -> usize {
        self.tokens.first().map_or(0, |token| token.offset)
    }

    /// Whether the first words are these.
    pub(super) fn starts_with(&self, words: &[&str]) -> bool {
        self.tokens.len() >= words.len() && self.tokens.iter().zip(words).all(|(token, word)| token.is(word))
    }

    /// Whether the statement runs a string: `PREPARE a FROM …` or `EXECUTE IMMEDIATE …`.
    pub(super) fn prepares(&self) -> bool {
        self.texts().next().is_some()
    }

    /// Returns the first word that runs a text, if the text is no literal.
    pub(super) fn unknown_text(&self) -> Option<&Token<'_>> {
        let is_literal = |text: &[Token<'_>]| match text {
            [literal] => literal.kind == TokenKind::Text,
            [literal, end, ..] => literal.kind == TokenKind::Text && end.is_mark(";"),
            [] => false,
        };
        self.texts().find(|(_, text)| !is_literal(text)).map(|(word, _)| word)
    }

    /// Returns the words that run a text, each with the tokens from its text on.
    fn texts(&self) -> impl Iterator<Item = (&Token<'_>, &[Token<'_>])> {
        let of = |at: usize| {
            let tokens = self.tokens.get(at..).unwrap_or_default();
            match tokens {
                [word, _, from, text @ ..] if word.is("PREPARE") && from.is("FROM") => Some((word, text)),
                [word, immediate, text @ ..] if word.is("EXECUTE") && immediate.is("IMMEDIATE") => Some((word, text)),
                _ => None,
            }
        };
        (0..self.tokens.len()).filter_map(of)
    }

    /// Whether the first words show that the statement changes no table, so that it needs no parser.
    pub(super) fn is_neutral(&self) -> bool {
        NEUTRAL.iter().any(|words| self.starts_with(words))
            || (self.prepares() && (self.starts_with(&["PREPARE"]) || self.starts_with(&["EXECUTE"])))
    }

    /// Whether names stand for other objects after the statement, or objects of the file are gone.
    pub(super) fn changes_names(&self) -> bool {
        const FIRST: [&[&str]; 7] = [
            &["ABORT"],
            &["DISCARD"],
            &["PREPARE", "TRANSACTION"],
            &["RESET"],
            &["ROLLBACK"],
            &["SET", "ROLE"],
            &["USE"],
        ];
        const SCHEMA: [&[&str]; 3] = [&["SET", "SCHEMA"], &["SET", "LOCAL", "SCHEMA"], &["SET", "SESSION"]];
        let is_path = |token: &Token<'_>| token.text.eq_ignore_ascii_case("search_path");
        FIRST.iter().chain(&SCHEMA).any(|words| self.starts_with(words)) || self.tokens.iter().any(is_path)
    }

    /// Whether temporary tables may be gone after the statement: it begins or ends a transaction, or a part of one.
    pub(super) fn ends_temporary_tables(&self) -> bool {
        ["BEGIN", "COMMIT", "END", "RELEASE", "SAVEPOINT", "START"].iter().any(|word| self.starts_with(&[word]))
    }

    /// Whether a string of the statement is code: `DO '…'`, or a new function or procedure.
    pub(super) fn has_body(&self) -> bool {
        let is_routine = |token: &Token<'_>| token.is("FUNCTION") || token.is("PROCEDURE");
        self.starts_with(&["DO"]) || (self.starts_with(&["CREATE"]) && self.tokens.iter().take(4).any(is_routine))
    }

    /// Whether the statement itself creates a table. The body of a routine runs later, or never.
    pub(super) fn creates_table(&self) -> bool {
        self.starts_with(&["CREATE"]) && !self.starts_with(&["CREATE", "SCHEMA"]) && !has_blocks(self)
    }

    /// Returns the text of the statement, with spaces instead of comments and of marks that are not its own.
    pub(super) fn source(&self, text: &str) -> String {
        let mut source = String::new();
        let mut at = self.start();
        for token in &self.tokens {
            let between = text.get(at..token.offset).unwrap_or_default();
            source.extend(between.chars().map(|c| if c == '\n' { c } else { ' ' }));
            source.push_str(text.get(token.offset..token.end).unwrap_or_default());
            at = token.end;
        }
        source
    }

    /// Whether the data of the statement follows it.
    fn reads_input(&self) -> bool {
        self.starts_with(&["COPY"])
            && self.tokens.windows(2).any(|pair| matches!(pair, [from, input] if from.is("FROM") && input.is("STDIN")))
    }
}

/// How many blocks of a compound statement are open. Only triggers and routines contain statements.
#[derive(Debug, Default)]
struct Blocks {
    depth: usize,
    /// Whether the last word was `END`, so that a word after it names what ended.
    ends: bool,
}

impl Blocks {
    fn push(&mut self, statement: &Statement<'_>, token: &Token<'_>) {
        if token.kind != TokenKind::Word {
            self.ends = false;
            return;
        }
        let (ended, was_end) = (token.is("END"), std::mem::take(&mut self.ends));
        if !has_blocks(statement) {
            return;
        }
        if ended {
            (self.depth, self.ends) = (self.depth.saturating_sub(1), true);
        } else if was_end && ["IF", "LOOP", "WHILE", "REPEAT", "FOR"].iter().any(|word| token.is(word)) {
            // `END IF` ends no block that was counted.
            self.depth += 1;
        } else if token.is("BEGIN") || (token.is("CASE") && !was_end) {
            self.depth += 1;
        }
    }
}

fn has_blocks(statement: &Statement<'_>) -> bool {
    const WITH: [&str; 5] = ["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"];
    const WITHOUT: [&str; 8] = ["TABLE", "VIEW", "INDEX", "SCHEMA", "DATABASE", "TYPE", "DOMAIN", "SEQUENCE"];
    // `CREATE OR REPLACE DEFINER = 'root' PROCEDURE` has words before the kind, and a table may be named `event`.
    let is_any = |token: &Token<'_>, kinds: &[&str]| kinds.iter().any(|kind| token.is(kind));
    let kind = || statement.tokens.iter().take(12).find(|token| is_any(token, &WITH) || is_any(token, &WITHOUT));
    (statement.starts_with(&["CREATE"]) && kind().is_some_and(|kind| is_any(kind, &WITH)))
        || statement.starts_with(&["BEGIN", "NOT", "ATOMIC"])
}

/// Splits a text into statements. Comments after the last one belong to a statement without tokens.
pub(super) fn split(text: &str, dialect: Dialect) -> Vec<Statement<'_>> {
    let mut statements: Vec<Statement<'_>> = Vec::new();
    let (mut current, mut blocks) = (Statement::default(), Blocks::default());
    let mut tokens = Tokens::new(text, dialect);
    // The offset after the end of the last statement.
    let mut ended = 0;
    while let Some(token) = tokens.next() {
        let is_empty = current.tokens.is_empty();
        if is_empty && token.is("DELIMITER") {
            tokens.set_delimiter();
            continue;
        }
        match token.kind {
            TokenKind::Comment => {
                let between = text.get(ended..token.offset).unwrap_or_default();
                match statements.last_mut().filter(|_| is_empty && !between.contains('\n')) {
                    Some(before) => before.comments.push(token),
                    None => current.comments.push(token),
                }
                continue;
            }
            TokenKind::End if is_empty || (blocks.depth > 0 && !tokens.has_delimiter()) => {
                if !is_empty {
                    current.tokens.push(Token { kind: TokenKind::Mark, ..token });
                }
                continue;
            }
            TokenKind::End => {}
            TokenKind::Command => current.tokens.push(token),
            _ => {
                current.tokens.push(token);
                blocks.push(&current, &token);
                continue;
            }
        }
        ended = token.end;
        if current.reads_input() && dialect == Dialect::Postgres {
            current.has_open_data = !tokens.skip_data();
        }
        statements.push(std::mem::take(&mut current));
        blocks = Blocks::default();
    }
    if !current.tokens.is_empty() || !current.comments.is_empty() {
        statements.push(current);
    }
    statements
}
