//! The dialects of SQL, and which one a file is written in.

use std::path::Path;

use serde::Deserialize;
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect, SQLiteDialect};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dialect {
    Postgres,
    Mysql,
    Sqlite,
}

/// Names of folders that state the dialect of the files below.
const FOLDERS: [(&str, Dialect); 8] = [
    ("postgres", Dialect::Postgres),
    ("postgresql", Dialect::Postgres),
    ("pg", Dialect::Postgres),
    ("mysql", Dialect::Mysql),
    ("mariadb", Dialect::Mysql),
    ("sqlite", Dialect::Sqlite),
    ("sqlite3", Dialect::Sqlite),
    ("libsql", Dialect::Sqlite),
];

impl Dialect {
    /// Returns the dialects that a file may be written in, the most likely one first.
    ///
    /// The name of a folder decides. A comment that only MySQL runs decides too, because it is code. Otherwise, words
    /// that only one dialect has give the order.
    pub(super) fn candidates(path: &Path, text: &str) -> Vec<Self> {
        let of_folder = |part: std::path::Component<'_>| {
            let part = part.as_os_str().to_string_lossy().to_ascii_lowercase();
            FOLDERS.iter().find(|(name, _)| *name == part).map(|(_, dialect)| *dialect)
        };
        // The nearest folder is the most specific one.
        if let Some(dialect) = path.components().rev().skip(1).find_map(of_folder) {
            return vec![dialect];
        }
        if text.contains("/*!") || text.contains("/*M!") {
            return vec![Self::Mysql];
        }
        let upper = text.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| upper.contains(word));
        if has(&["`", "AUTO_INCREMENT", "ENGINE=", "ENGINE =", "DELIMITER", "SET @"]) {
            vec![Self::Mysql, Self::Sqlite, Self::Postgres]
        } else if has(&["AUTOINCREMENT", "PRAGMA", "WITHOUT ROWID"]) {
            vec![Self::Sqlite, Self::Postgres, Self::Mysql]
        } else {
            vec![Self::Postgres, Self::Sqlite, Self::Mysql]
        }
    }

    pub(super) fn parser(self) -> &'static dyn sqlparser::dialect::Dialect {
        match self {
            Self::Postgres => &PostgreSqlDialect {},
            Self::Mysql => &MySqlDialect {},
            Self::Sqlite => &SQLiteDialect {},
        }
    }
}
