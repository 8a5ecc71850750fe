//! Names of tables, columns and other objects.

use std::fmt;

use super::dialect::Dialect;
use super::token::{Token, TokenKind};

/// A name, possibly with its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The parts without quotes, the schema first. Unquoted parts are in lower case.
    parts: Vec<String>,
}

impl Name {
    pub(super) fn new(parts: &[Token<'_>], dialect: Dialect) -> Self {
        let part = |token: &Token<'_>| match token.kind {
            TokenKind::Quoted if dialect == Dialect::Postgres => token.text.to_owned(),
            _ => token.text.to_lowercase(),
        };
        Self { parts: parts.iter().map(part).collect() }
    }

    /// Whether both may name the same object. A name without a schema may be in any.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.parts.iter().rev().zip(other.parts.iter().rev()).all(|(a, b)| a == b)
    }

    /// Whether the name without its schema is one of these.
    pub(super) fn has_last(&self, names: &[&str]) -> bool {
        self.parts.last().is_some_and(|last| names.contains(&last.as_str()))
    }

    /// Whether the object is in the schema that PostgreSQL has for temporary tables.
    pub(super) fn is_temporary(&self) -> bool {
        self.parts.len() > 1 && self.parts.first().is_some_and(|schema| schema == "pg_temp")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}
