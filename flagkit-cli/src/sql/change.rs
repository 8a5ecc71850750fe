//! What a statement does to tables, columns and rows that running code may use.

use super::name::Name;

/// One destructive change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// The table, or another object that holds columns. `None`: the text does not name it.
    pub(super) object: Option<Name>,
    /// The column, or another part of the object.
    pub(super) part: Option<String>,
    /// The name after a rename.
    pub(super) to: Option<Name>,
    /// The offset of the changed name, or of the keyword.
    pub(super) offset: usize,
    /// Whether the table exists only in this session.
    pub(super) is_temporary: bool,
}

/// A kind of destructive change: after it, code that worked before may fail or lose data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    DropTable,
    /// `CREATE OR REPLACE TABLE`, which drops the table first.
    ReplaceTable,
    DropView,
    /// A view that the same file creates again.
    ReplaceView,
    DropSchema,
    /// A type, a domain or a sequence.
    DropType,
    /// Another object, with everything that depends on it.
    DropCascade,
    /// Functions, with everything that depends on them: mostly triggers.
    DropFunctions,
    DropColumn,
    DropPartition,
    RenameTable,
    RenameColumn,
    /// A view, a type, a schema or a value of a type.
    Rename,
    ChangeType,
    SetNotNull,
    /// A new column that existing inserts do not fill.
    AddNotNull,
    Truncate,
    DeleteAll,
}

impl Change {
    pub(super) fn new(kind: ChangeKind, offset: usize) -> Self {
        Self { kind, object: None, part: None, to: None, offset, is_temporary: false }
    }

    /// Describes the change for a message: "drops the column users.name".
    pub(crate) fn describe(&self) -> String {
        let name = self.name();
        let of = |what: &str| if name.is_empty() { what.to_owned() } else { format!("{what} {name}") };
        match self.kind {
            ChangeKind::DropTable => format!("drops {}", of("the table")),
            ChangeKind::ReplaceTable => format!("drops and creates {}", of("the table")),
            ChangeKind::DropView => format!("drops {}", of("the view")),
            ChangeKind::ReplaceView => format!("drops and creates {}", of("the view")),
            ChangeKind::DropSchema => format!("drops {}", of("the schema")),
            ChangeKind::DropType => format!("drops {}", of("the type or sequence")),
            ChangeKind::DropCascade => format!("drops {} and what depends on it", of("the object")),
            ChangeKind::DropFunctions => "drops functions and what depends on them".to_owned(),
            ChangeKind::DropColumn => format!("drops {}", of("the column")),
            ChangeKind::DropPartition => format!("removes {}", of("a partition of")),
            ChangeKind::RenameTable => format!("renames {}", of("the table")),
            ChangeKind::RenameColumn => format!("renames {}", of("the column")),
            ChangeKind::Rename => format!("renames {}", of("the object")),
            ChangeKind::ChangeType => format!("changes {}", of("the type of")),
            ChangeKind::SetNotNull => format!("sets NOT NULL {}", of("on")),
            ChangeKind::AddNotNull => format!("adds {} with NOT NULL and without a default", of("the column")),
            ChangeKind::Truncate | ChangeKind::DeleteAll => format!("deletes {}", of("all rows of")),
        }
    }

    fn name(&self) -> String {
        let object = self.object.as_ref().map(ToString::to_string);
        object.into_iter().chain(self.part.clone()).collect::<Vec<_>>().join(".")
    }
}
