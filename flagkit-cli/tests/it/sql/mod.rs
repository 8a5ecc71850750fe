//! `check` of SQL files: destructive statements, markers, and changes since a base.
//!
//! - `files`: the SQL files of `tests/sql`, with the findings that they expect.
//! - `formats`: the output formats.
//! - `layouts`: where SQL files are, and which of them run forward.
//! - `base`: files that are new, edited or committed.
//! - `limits`: large, deep and random files.

mod base;
mod files;
mod formats;
mod layouts;
mod limits;

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::Folder;

/// Migrations at every point of their life, and a flag of another kind.
const FLAGS: &str = "\
[flags.split-name]
kind = \"migration\"
stage = \"dual-write\"
description = \"names in two columns\"
owner = \"a@example.com\"
created = 2026-01-01
expires = 2099-01-01
allow = { unused = \"a test\" }
[flags.finished]
kind = \"migration\"
stage = \"complete\"
description = \"names in two columns\"
owner = \"a@example.com\"
created = 2026-01-01
expires = 2099-01-01
allow = { unused = \"a test\" }
[flags.uncertified]
kind = \"migration\"
stage = \"complete\"
description = \"names in two columns\"
owner = \"a@example.com\"
created = 2026-01-01
expires = 2099-01-01
allow = { unused = \"a test\" }
[flags.search]
allow = { unused = \"a test\" }
";

/// A folder with these migrations and a log that certifies the contracts of `finished` and `removed`.
fn project(settings: &str) -> Folder {
    let folder = Folder::with("flags.toml", &format!("{settings}\n{FLAGS}"));
    let log = [certificate("finished", "flags.toml"), certificate("removed", "flags.toml")].concat();
    folder.write(".flagkit/log.jsonl", &log);
    folder
}

/// An entry of the log that certifies a contract.
fn certificate(name: &str, file: &str) -> String {
    entry(name, file, "contract", "2026-11-29T10:00:00Z")
}

/// An entry of the log with a valid hash.
fn entry(name: &str, file: &str, verb: &str, when: &str) -> String {
    let entry = |hash: &str| {
        format!(
            "{{\"flag\":\"{name}\",\"verb\":\"{verb}\",\"who\":\"tester\",\"when\":\"{when}\",\
             \"from\":\"complete\",\"to\":\"contracted\",\"file\":\"{file}\",\"digest\":\"\",\"previous\":\"\",\
             \"hash\":\"{hash}\"}}"
        )
    };
    let hash = Sha256::digest(entry("")).iter().fold(String::new(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    entry(&hash) + "\n"
}

/// A finding about a SQL file, as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    path: String,
    line: u64,
    text: String,
}

/// Returns the findings about SQL files.
#[track_caller]
fn findings(folder: &Folder, options: &[&str]) -> Vec<Found> {
    let ran = folder.run(&[&["check", "--format", "json"], options].concat());
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().expect("findings").iter();
    let found = findings.map(|finding| Found {
        path: text(finding, "path"),
        line: finding["line"].as_u64().expect("a line"),
        text: ["level", "rule", "message"].map(|name| text(finding, name)).join(" "),
    });
    found.filter(|found| found.path != "flags.toml").collect()
}

/// Checks that there are exactly these findings: a location or path, and a part of the text.
#[track_caller]
fn expect(folder: &Folder, options: &[&str], expected: &[(&str, &str)]) {
    let found = findings(folder, options);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, (path, text)) in found.iter().zip(expected) {
        assert!(found.path == *path && found.text.contains(text), "{path}: {text}: {found:?}");
    }
}
