//! Each row of docs/faults.md names an existing test, or states that it does not apply.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the file of a test, and its function if one is named: `sources/FILE::FUNCTION`.
fn parts(name: &str) -> (PathBuf, Option<&str>) {
    let (file, function) = match name.split_once("::") {
        Some((file, function)) => (file, Some(function)),
        None => (name, None),
    };
    let (part, file) = file.split_once('/').unwrap_or_else(|| panic!("{name} names no crate"));
    let folder = if file.starts_with("src/") { "" } else { "tests/" };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    (root.join(format!("flagkit-{part}/{folder}{file}.rs")), function)
}

#[test]
fn all_of_them() {
    let table = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md")).expect("the table");
    let (mut shown, mut rows) = (0, 0);
    for line in table.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let last = cells.last().copied().unwrap_or_default();
        if last == "shown by" {
            continue;
        }
        rows += 1;
        if last.starts_with("does not apply") {
            continue;
        }
        shown += 1;
        for name in last.split(", ") {
            let name = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
            let name = name.unwrap_or_else(|| panic!("no test is named in {line}"));
            let (file, function) = parts(name);
            let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("there is no {}", file.display()));
            assert!(text.contains("#[test]"), "{} has no test", file.display());
            let is_there =
                |function: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == function);
            assert!(function.is_none_or(is_there), "there is no {name}");
        }
    }
    println!("{shown} of {rows} rows are shown by tests");
    assert!(shown >= 60, "{shown} of {rows}");
}
