//! `check --base`: only files that are new or edited are checked.

use super::{expect, project};
use crate::support::Folder;

const OLD: &str = "migrations/20240101_old.sql";
const NEW: &str = "migrations/20240201_new.sql";
const DIESEL: &str = "migrations/2024-01-02-000000_old/up.sql";
const DESTRUCTIVE: &str = "error destructive-sql";

fn repository() -> Folder {
    let folder = project("");
    folder.write(OLD, "DROP TABLE users;\n");
    folder.write(DIESEL, "ALTER TABLE users ADD COLUMN note text;\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    folder
}

#[test]
fn committed_files_are_history() {
    let folder = repository();
    expect(&folder, &[], &[(OLD, DESTRUCTIVE)]);
    expect(&folder, &["--base", "HEAD"], &[]);
    folder.write(NEW, "DROP TABLE orders;\n");
    expect(&folder, &["--base", "HEAD"], &[(NEW, DESTRUCTIVE)]);
    folder.write(NEW, "-- flagkit: contract finished\nDROP TABLE orders;\n");
    expect(&folder, &["--base", "HEAD"], &[]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "head"]);
    expect(&folder, &["--base", "HEAD~1"], &[]);
}

#[test]
fn an_edited_file_is_reported() {
    let folder = repository();
    folder.write(OLD, "DROP TABLE users;\nSELECT 1;\n");
    folder.write(DIESEL, "ALTER TABLE users ADD COLUMN notes text;\n");
    let edited = "edited-migration the SQL file was changed since the base";
    let expected = [
        (DIESEL, format!("warning {edited}")),
        (OLD, format!("error {edited}")),
        (OLD, format!("{DESTRUCTIVE} the statement drops the table users")),
    ];
    let expected: Vec<(&str, &str)> = expected.iter().map(|(path, text)| (*path, text.as_str())).collect();
    expect(&folder, &["--base", "HEAD"], &expected);
}

#[test]
fn files_that_only_the_base_has_are_no_edit() {
    let folder = repository();
    folder.git(&["checkout", "-qb", "feature"]);
    folder.write(NEW, "CREATE TABLE orders (id int);\n");
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "head"]);
    folder.git(&["checkout", "-q", "main"]);
    folder.write(OLD, "DROP TABLE users CASCADE;\n");
    folder.git(&["commit", "-qam", "edited on main"]);
    folder.git(&["checkout", "-q", "feature"]);
    expect(&folder, &["--base", "main"], &[]);
}
