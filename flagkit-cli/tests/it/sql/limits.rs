//! Large, deep, cut and random files: the command ends with findings.

use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;

use super::{findings, project};
use crate::support::Folder;

const FILE: &str = "migrations/1_a.sql";

/// Checks that the last statement of a text is found, whatever precedes it.
#[track_caller]
fn expect_last(folder: &Folder, text: &str) {
    folder.write(FILE, &format!("{text}\n;\nDROP TABLE users;\n"));
    let found = findings(folder, &[]);
    assert!(found.iter().any(|found| found.text.contains("drops the table users")), "{found:?}");
}

#[test]
fn deep_texts_are_read() {
    for dialect in ["postgres", "mysql", "sqlite"] {
        let folder = project(&format!("[project]\ndialect = \"{dialect}\""));
        let deep = |open: &str, close: &str| format!("SELECT {}1{}", open.repeat(20_000), close.repeat(20_000));
        let texts = [
            deep("(", ")"),
            deep("(SELECT ", ")"),
            deep("CASE WHEN ", " THEN 1 END"),
            deep("NOT ", ""),
            deep("- ", ""),
            deep("", " + 1"),
            deep("", " OR a = 1"),
            deep("f(", ")"),
            deep("[", "]"),
            deep("", "::int"),
            deep("", " UNION SELECT 1"),
            "/* ".repeat(20_000),
            format!("SELECT {}1{}", "(".repeat(22), ")".repeat(22)),
            format!("SELECT {}1{}", "f((SELECT a(".repeat(7), ")))".repeat(7)),
        ];
        for text in texts {
            expect_last(&folder, &text);
        }
    }
}

#[test]
fn a_file_of_ten_megabytes_is_read() {
    let folder = project("[project]\ndialect = \"postgres\"");
    let rows = |count: usize| {
        (0..count).fold(String::new(), |mut rows, row| {
            let _ = writeln!(rows, "INSERT INTO items VALUES ({row}, 'it''s; number {row}');");
            rows
        })
    };
    expect_last(&folder, &rows(20_000));
    for repeated in ["DELETE ", "ALTER TABLE a ", "DROP x ", "$a$ ", "'", "EXECUTE 'DROP TABLE a' ", "a.b, ", "$x"] {
        expect_last(&folder, &repeated.repeat((1 << 18) / repeated.len()));
    }
    folder.write(FILE, &format!("INSERT INTO items VALUES {}", "(1, 'text'), ".repeat(800_000)));
    let found = findings(&folder, &[]);
    assert!(found.iter().any(|found| found.text.contains("bytes, expected at most")), "{found:?}");
}

#[test]
fn bytes_that_are_no_text_are_reported() {
    let folder = project("");
    folder.write(FILE, "");
    let utf16: Vec<u8> = "DROP TABLE users;\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&b"\xff\xfe"[..], &utf16, b"DROP TABLE \xff;", b"\x00\x01\x02"] {
        fs::write(folder.path(FILE), bytes).expect("a file");
        let found = findings(&folder, &[]);
        assert!(!found.is_empty(), "{bytes:?}");
    }
    fs::write(folder.path(FILE), b"\xef\xbb\xbfDROP TABLE users;").expect("a file");
    assert_eq!(findings(&folder, &[]).len(), 1);
}

/// Words and marks that begin or end something.
const PARTS: [&str; 40] = [
    "DROP",
    "TABLE",
    "ALTER",
    "COLUMN",
    "a",
    "b",
    ";",
    "(",
    ")",
    ",",
    "'",
    "\"",
    "`",
    "--",
    "/*",
    "*/",
    "$$",
    "$a$",
    "\n",
    "#",
    "\\",
    "BEGIN",
    "END",
    "CREATE",
    "FUNCTION",
    "TRIGGER",
    "DELIMITER //",
    "//",
    "COPY a FROM STDIN;",
    "DO",
    "EXECUTE",
    "RENAME",
    "TO",
    "é",
    "\u{0}",
    "[",
    "]",
    "E'",
    "flagkit: contract",
    "1.5",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_texts_end_with_findings(parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..60)) {
        let folder = project("");
        let text = parts.join(" ");
        folder.write(FILE, &text);
        let _ = findings(&folder, &[]);
        // A cut file is one too.
        let cut = text.char_indices().map(|(at, _)| at).nth(text.chars().count() / 2).unwrap_or(0);
        folder.write(FILE, &text[..cut]);
        let _ = findings(&folder, &[]);
    }
}
