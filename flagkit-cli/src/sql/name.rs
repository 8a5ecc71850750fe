//! Names of tables, columns and other objects.

use std::fmt;

use super::dialect::Dialect;
use super::token::{Token, TokenKind};

/// A name, possibly with its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The parts without quotes, the schema first.
    parts: Vec<String>,
}

/// The schemas that contain an object without a schema.
const DEFAULT_SCHEMAS: [&str; 2] = ["public", "main"];

/// Tables of the catalogs that describe tables, columns and types.
const CATALOG: [&str; 8] = [
    "sqlite_master",
    "sqlite_schema",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_enum",
    "pg_namespace",
    "pg_type",
];

impl Name {
    pub(super) fn new(parts: &[Token<'_>], dialect: Dialect) -> Self {
        let part = |token: &Token<'_>| match (dialect, token.kind) {
            // MySQL has files of these names, so the case depends on the system.
            (Dialect::Postgres, TokenKind::Quoted) | (Dialect::Mysql, _) => token.text.to_owned(),
            _ => token.text.to_lowercase(),
        };
        Self { parts: parts.iter().map(part).collect() }
    }

    /// Returns what names of the same object have in common.
    pub(super) fn key(&self) -> Vec<String> {
        let parts = match self.parts.as_slice() {
            [schema, name @ ..] if !name.is_empty() && DEFAULT_SCHEMAS.contains(&schema.as_str()) => name,
            parts => parts,
        };
        parts.to_owned()
    }

    /// Whether the name states its schema.
    pub(super) fn is_qualified(&self) -> bool {
        self.parts.len() > 1
    }

    /// Returns the full name after a rename to `to`, which keeps the schema unless it states another one.
    pub(super) fn renamed(&self, to: &Self) -> Self {
        match self.parts.split_last() {
            Some((_, schema)) if !to.is_qualified() => Self { parts: [schema, &to.parts].concat() },
            _ => to.clone(),
        }
    }

    /// Whether the object belongs to the catalog of the database, which describes the tables.
    pub(super) fn is_catalog(&self) -> bool {
        self.parts.last().is_some_and(|last| CATALOG.contains(&last.as_str()))
    }

    /// Whether the object is in the schema that PostgreSQL has for temporary tables.
    pub(super) fn is_temporary(&self) -> bool {
        self.is_qualified() && self.parts.first().is_some_and(|schema| schema == "pg_temp")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}
