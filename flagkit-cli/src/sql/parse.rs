//! The changes of a statement, according to `sqlparser`.

use sqlparser::ast::{AlterColumnOperation, AlterTableOperation, ColumnOption, ObjectType, Statement, TableConstraint};
use sqlparser::parser::{Parser, ParserError};

use super::change::ChangeKind;
use super::condition::rejects_null;
use super::dialect::Dialect;
use super::token::{Token, Tokens};

/// The longest statement that is parsed, in bytes. A longer one is data, and its syntax tree would take too much memory.
const MAX_LEN: usize = 1 << 18;
/// The deepest parentheses that are parsed. The time of some expressions doubles with each level.
const MAX_DEPTH: usize = 24;

/// Why a statement was not parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    pub(super) message: String,
    /// The line and the column in the statement, from 1.
    pub(super) location: Option<(usize, usize)>,
}

/// Parses one statement. Returns its destructive changes, or `None` if its words decide.
pub(super) fn parse(text: &str, dialect: Dialect) -> Result<Option<Vec<ChangeKind>>, ParseError> {
    let failed = |message: String| ParseError { message, location: None };
    if text.len() > MAX_LEN {
        return Err(failed(format!("got {} bytes, expected at most {MAX_LEN}", text.len())));
    }
    if depth(text) > MAX_DEPTH {
        return Err(failed(format!("got more than {MAX_DEPTH} levels of parentheses")));
    }
    let statements = Parser::parse_sql(dialect.parser(), text).map_err(ParseError::from)?;
    match statements.as_slice() {
        [statement] => Ok(kinds(statement)),
        _ => Ok(None),
    }
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

impl From<ParserError> for ParseError {
    fn from(error: ParserError) -> Self {
        let message = match error {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
            ParserError::RecursionLimitExceeded => "got too many nested expressions".to_owned(),
        };
        let split = message.rsplit_once(" at Line: ").and_then(|(reason, location)| {
            let (line, column) = location.split_once(", Column: ")?;
            Some((reason.to_owned(), (line.parse().ok()?, column.trim().parse().ok()?)))
        });
        let (message, location) = match split {
            Some((reason, location)) => (reason, Some(location)),
            None => (message, None),
        };
        let message = message.strip_prefix("Expected: ").map_or(message.clone(), |rest| {
            let (expected, found) = rest.rsplit_once(", found: ").unwrap_or((rest, "the end"));
            format!("got {found}, expected {expected}")
        });
        Self { message, location }
    }
}

fn kinds(statement: &Statement) -> Option<Vec<ChangeKind>> {
    Some(match statement {
        Statement::AlterTable(alter) => alter.operations.iter().filter_map(of_operation).collect(),
        Statement::Drop { object_type, cascade, .. } => match object_type {
            ObjectType::Table | ObjectType::ForeignTable => vec![ChangeKind::DropTable],
            ObjectType::View | ObjectType::MaterializedView => vec![ChangeKind::DropView],
            ObjectType::Schema | ObjectType::Database => vec![ChangeKind::DropSchema],
            ObjectType::Sequence | ObjectType::Type => vec![ChangeKind::DropType],
            ObjectType::Collation if *cascade => vec![ChangeKind::DropCascade],
            _ => Vec::new(),
        },
        Statement::Truncate(_) => vec![ChangeKind::Truncate],
        Statement::RenameTable(_) => vec![ChangeKind::RenameTable],
        _ => return None,
    })
}

fn of_operation(operation: &AlterTableOperation) -> Option<ChangeKind> {
    Some(match operation {
        AlterTableOperation::DropColumn { .. } => ChangeKind::DropColumn,
        AlterTableOperation::RenameColumn { .. } => ChangeKind::RenameColumn,
        AlterTableOperation::RenameTable { .. } | AlterTableOperation::SwapWith { .. } => ChangeKind::RenameTable,
        AlterTableOperation::ChangeColumn { old_name, new_name, .. } => {
            let is_same = old_name.value.eq_ignore_ascii_case(&new_name.value);
            if is_same { ChangeKind::ChangeType } else { ChangeKind::RenameColumn }
        }
        AlterTableOperation::ModifyColumn { .. } => ChangeKind::ChangeType,
        AlterTableOperation::AlterColumn { op, .. } => match op {
            AlterColumnOperation::SetNotNull => ChangeKind::SetNotNull,
            AlterColumnOperation::SetDataType { .. } => ChangeKind::ChangeType,
            _ => return None,
        },
        AlterTableOperation::DropPartitions { .. }
        | AlterTableOperation::DetachPartition { .. }
        | AlterTableOperation::DetachPartitionOf { .. }
        | AlterTableOperation::NoInherit { .. }
        | AlterTableOperation::RenamePartitions { .. } => ChangeKind::DropPartition,
        AlterTableOperation::AddConstraint { constraint, .. } => match constraint {
            TableConstraint::PrimaryKey(_) | TableConstraint::PrimaryKeyUsingIndex(_) => ChangeKind::SetNotNull,
            TableConstraint::Check(check) if requires_value(check) => ChangeKind::SetNotNull,
            _ => return None,
        },
        AlterTableOperation::AddColumn { column_def, .. } => {
            let options = || column_def.options.iter().map(|option| &option.option);
            let requires = options().any(|option| match option {
                ColumnOption::NotNull | ColumnOption::PrimaryKey(_) => true,
                ColumnOption::Check(check) => requires_value(check),
                _ => false,
            });
            let is_filled = options().any(|option| match option {
                ColumnOption::Default(value) => !value.to_string().eq_ignore_ascii_case("null"),
                ColumnOption::Generated { .. } | ColumnOption::Identity(_) => true,
                ColumnOption::DialectSpecific(tokens) => {
                    tokens.iter().any(|token| token.to_string().to_ascii_uppercase().starts_with("AUTO"))
                }
                _ => false,
            });
            let is_serial = column_def.data_type.to_string().to_ascii_uppercase().ends_with("SERIAL");
            if !requires || is_filled || is_serial {
                return None;
            }
            ChangeKind::AddNotNull
        }
        _ => return None,
    })
}

/// Whether a constraint rejects NULL.
fn requires_value(check: &impl ToString) -> bool {
    let text = check.to_string();
    // The parser has written the text, so it has no marks of one dialect but quotes.
    let tokens: Vec<Token<'_>> = Tokens::new(&text, Dialect::Sqlite).collect();
    let open = tokens.iter().position(|token| token.is_mark("("));
    open.and_then(|open| tokens.get(open..)).is_some_and(rejects_null)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::super::scan::{Event, scan};
    use super::super::statement::split;
    use super::*;

    #[test]
    fn the_words_and_the_syntax_tree_of_a_statement_agree() {
        let mut count = 0;
        let dialects = [("postgres", Dialect::Postgres), ("mysql", Dialect::Mysql), ("sqlite", Dialect::Sqlite)];
        for (name, dialect) in dialects {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql").join(name);
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let text = fs::read_to_string(entry.path()).expect("a file");
                for statement in split(&text, dialect) {
                    let source = statement.source(&text);
                    let Ok(Some(kinds)) = parse(&source, dialect) else { continue };
                    let found = scan(&statement.tokens, dialect).into_iter().filter_map(|event| match event {
                        Event::Change(change) => Some(change.kind),
                        _ => None,
                    });
                    let kinds: BTreeSet<ChangeKind> = kinds.into_iter().collect();
                    assert_eq!(found.collect::<BTreeSet<_>>(), kinds, "{name}: {source}");
                    count += 1;
                }
            }
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn an_error_has_its_location() {
        let error = parse("SELECT 1\n  FROM WHERE x", Dialect::Postgres).expect_err("an error");
        assert_eq!(error.location, Some((2, 8)));
        assert_eq!(error.message, "got WHERE, expected table name");
        let error = parse(&"(".repeat(40), Dialect::Postgres).expect_err("an error");
        assert_eq!(error.message, "got more than 24 levels of parentheses");
    }
}
