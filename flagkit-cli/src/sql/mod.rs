//! SQL files of database migrations: their statements, the destructive changes in them, and the markers in comments.
//!
//! Each statement is parsed by `sqlparser`. A statement that it cannot parse is searched by its words instead, so that
//! no destructive change is overlooked. Reading order:
//!
//! - `dialect`: the dialects, and which one a file is written in.
//! - `token`: the tokens of a file. Errors in the text do not end the tokens.
//! - `statement`: the statements of a file, with their comments.
//! - `name`: names of tables and columns.
//! - `change`: what a statement does to tables, columns and rows.
//! - `condition`: conditions that are always true, and those that reject NULL.
//! - `scan`, `alter`: the changes of a statement, found by its words.
//! - `parse`: the changes of a statement, according to `sqlparser`.
//! - `code`: the strings in a statement that are code.
//! - `marker`: comments that name the migration of a statement.
//! - `version`: the version in the name of a file.
//! - `script`: one file with its changes, markers and problems.

mod alter;
mod change;
mod code;
mod condition;
mod dialect;
mod marker;
mod name;
mod parse;
mod scan;
mod script;
mod statement;
mod token;
mod version;

pub(crate) use self::change::ChangeKind;
pub(crate) use self::dialect::Dialect;
pub(crate) use self::marker::{Marker, Verb};
pub(crate) use self::script::{Block, Script};
pub(crate) use self::version::Version;
