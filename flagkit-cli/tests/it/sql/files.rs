//! The SQL files of `tests/sql`. The first lines of each state the findings that it expects.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Found, findings, project};

const DIALECTS: [&str; 3] = ["postgres", "mysql", "sqlite"];

/// The text of each file, by its name.
fn files(dialect: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql").join(dialect);
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let file = |entry: fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).expect("a file"))
    };
    entries.map(file).collect()
}

/// The expected findings: the line, and the level, the rule and a part of the message.
fn expected(text: &str) -> Vec<(u64, String)> {
    let lines = text.lines().map_while(|line| line.strip_prefix("-- expect "));
    let finding = |line: &str| {
        let (line, text) = line.split_once(": ").expect("a line and a text");
        (line.parse().expect("a number"), text.to_owned())
    };
    let expected: Vec<&str> = lines.collect();
    assert!(!expected.is_empty(), "no expectation: {text}");
    expected.into_iter().filter(|line| *line != "nothing").map(finding).collect()
}

/// Whether a finding is the expected one: its level and rule, and a part of its message.
fn matches(found: &Found, (line, expected): &(u64, String)) -> bool {
    let mut words = expected.splitn(3, ' ');
    let [level, rule, message] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let text = found.text.strip_prefix(&format!("{level} {rule} "));
    found.line == *line && text.is_some_and(|text| text.contains(message))
}

/// Returns the differences between the findings of a file and the expected ones.
fn differences(found: &[Found], expected: &[(u64, String)]) -> Vec<String> {
    let missing = expected.iter().filter(|it| !found.iter().any(|found| matches(found, it)));
    let surplus = found.iter().filter(|found| !expected.iter().any(|it| matches(found, it)));
    missing.map(|it| format!("missing: {it:?}")).chain(surplus.map(|it| format!("surplus: {it:?}"))).collect()
}

#[test]
fn every_file_has_the_expected_findings() {
    let (mut count, mut wrong) = (0, Vec::new());
    for dialect in DIALECTS {
        let folder = project(&format!("[project]\ndialect = \"{dialect}\""));
        let files = files(dialect);
        for (name, text) in &files {
            folder.write(&format!("migrations/{name}"), text);
        }
        let mut by_file: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for found in findings(&folder, &[]) {
            by_file.entry(found.path.trim_start_matches("migrations/").to_owned()).or_default().push(found);
        }
        for (name, text) in &files {
            let (found, expected) = (by_file.remove(name).unwrap_or_default(), expected(text));
            wrong.extend(differences(&found, &expected).into_iter().map(|it| format!("{dialect}/{name}: {it}")));
            if found.len() != expected.len() {
                wrong.push(format!("{dialect}/{name}: got {} findings, expected {}", found.len(), expected.len()));
            }
        }
        assert!(by_file.is_empty(), "{by_file:?}");
        count += files.len();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 60, "{count}");
}

#[test]
fn every_destructive_statement_is_found_without_a_dialect() {
    for dialect in DIALECTS {
        let folder = project("");
        let files = files(dialect);
        for (name, text) in &files {
            folder.write(&format!("migrations/{name}"), text);
        }
        let found = findings(&folder, &[]);
        for (name, text) in &files {
            let path = format!("migrations/{name}");
            let of_file: Vec<Found> = found.iter().filter(|found| found.path == path).cloned().collect();
            let destructive = expected(text).into_iter().filter(|(_, text)| text.contains("destructive-sql"));
            let missing: Vec<_> = destructive.filter(|it| !of_file.iter().any(|found| matches(found, it))).collect();
            assert!(missing.is_empty(), "{dialect}/{name}: {missing:#?}\n{of_file:#?}");
        }
    }
}

#[test]
fn the_folder_states_the_dialect() {
    let folder = project("");
    let mut expected_count = 0;
    for dialect in DIALECTS {
        for (name, text) in files(dialect) {
            folder.write(&format!("migrations/{dialect}/{name}"), &text);
            expected_count += expected(&text).len();
        }
    }
    assert_eq!(findings(&folder, &[]).len(), expected_count);
}
