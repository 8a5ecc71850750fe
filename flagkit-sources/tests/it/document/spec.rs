//! The reader loads the documents of `spec/documents`, valid and invalid, as the file beside each specifies, and
//! reports all problems at once. Tables here cover encodings and nesting, which a file cannot show well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use flagkit_core::Flag;
use flagkit_core::source::{Kind, Load, LoadError, Problem};
use flagkit_sources::document::Format;
use serde_json::{Value, json};

const EXPECTED: &str = ".expected.json";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/documents").join(name)
}

/// Returns the documents of a folder by name, each with its expectation. Panics if either of the two is missing.
fn documents(name: &str) -> BTreeMap<String, (Vec<u8>, Value)> {
    let folder = folder(name);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .collect();
    names.sort();
    let (expected, documents): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.ends_with(EXPECTED));
    let wanted: Vec<_> = documents.iter().map(|document| format!("{document}{EXPECTED}")).collect();
    let (mut expected, mut wanted) = (expected, wanted);
    expected.sort();
    wanted.sort();
    assert_eq!(expected, wanted, "each document of {name} has its expectation beside it");
    documents
        .into_iter()
        .map(|document| {
            let bytes = fs::read(folder.join(&document)).expect("the document");
            let text = fs::read(folder.join(format!("{document}{EXPECTED}"))).expect("the expectation");
            let expected = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{document}: {error}"));
            (document, (bytes, expected))
        })
        .collect()
}

fn shown(flag: &Flag) -> Value {
    let metadata = flag.metadata().map(|metadata| {
        json!({
            "description": metadata.description,
            "owner": metadata.owner,
            "kind": metadata.kind.map(Kind::as_str),
            "created": metadata.created.map(|date| date.to_string()),
            "expires": metadata.expires.map(|date| date.to_string()),
        })
    });
    json!({
        "on": flag.is_enabled(),
        "rollout": flag.rollout().to_string(),
        "salt": flag.salt(),
        "by": flag.bucket_by(),
        "metadata": metadata,
    })
}

/// The keys of the valid flags and of the invalid ones.
fn flags(load: &Load) -> (Value, Vec<&str>) {
    let keys = || load.flags().keys().map(AsRef::as_ref);
    let understood = keys().filter_map(|key: &str| Some((key.to_owned(), shown(load.flags().get(key)?))));
    let dark = keys().filter(|key| load.flags().get(key).is_none());
    (Value::Object(understood.collect()), dark.collect())
}

fn problem(problem: &Problem) -> Value {
    json!({
        "line": problem.location().map(|location| location.line),
        "column": problem.location().map(|location| location.column),
        "path": problem.path(),
        "got": problem.got(),
        "expected": problem.expected(),
        "help": problem.help(),
    })
}

/// An expectation may leave parts unspecified.
fn agrees(expected: &Value, found: &Value) -> bool {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let found = members(found);
    members(expected).iter().all(|(name, value)| found.get(name) == Some(value))
}

/// Compares the problems found with the expected ones. The order has a test of its own.
fn compare_problems(expected: &Value, found: &[Problem]) -> String {
    let mut found: Vec<Value> = found.iter().map(problem).collect();
    let mut message = String::new();
    // The parser's messages are not ours, and it may report more errors in malformed text.
    let more = expected["more_problems"] == true;
    // The strictest expectation comes first, so that a loose one does not take its match.
    let mut expected: Vec<&Value> = expected["problems"].as_array().into_iter().flatten().collect();
    expected.sort_by_key(|problem| std::cmp::Reverse(problem.as_object().map_or(0, serde_json::Map::len)));
    for expected in expected {
        match found.iter().position(|found| agrees(expected, found)) {
            Some(index) => drop(found.remove(index)),
            None => writeln!(message, "    not found:  {expected}").expect("written"),
        }
    }
    for found in found.iter().filter(|_| !more) {
        writeln!(message, "    unexpected: {found}").expect("written");
    }
    message
}

fn compare(folder: &str, expected: &Value, result: &Result<Load, LoadError>) -> String {
    match (result, expected["refused"].as_bool().unwrap_or(false)) {
        (Err(error), true) => compare_problems(expected, error.problems()),
        (Ok(load), false) => {
            let mut message = compare_problems(expected, load.problems());
            let (understood, dark) = flags(load);
            if understood != expected["flags"] {
                writeln!(message, "    flags: {understood}\n    not:   {}", expected["flags"]).expect("written");
            }
            let no_keys = json!([]);
            let expected = if folder == "good" { &no_keys } else { &expected["dark"] };
            if json!(dark) != *expected {
                writeln!(message, "    dark: {dark:?}, not {expected}").expect("written");
            }
            message
        }
        (Err(error), false) => format!("    refused: {error}\n"),
        (Ok(_), true) => "    loads, and should be refused as a whole\n".to_owned(),
    }
}

fn check() {
    let mut message = String::new();
    for (folder, least) in [("good", 15), ("bad", 45)] {
        let documents = documents(folder);
        assert!(documents.len() >= least, "{} documents in {folder}", documents.len());
        for (name, (bytes, expected)) in documents {
            let result = Format::from_path(&name).read(&bytes);
            let differences = compare(folder, &expected, &result);
            if let Some(why) = expected["pending"].as_str() {
                if differences.is_empty() {
                    writeln!(message, "  {folder}/{name}\n    is as it should be, so `pending` can go: {why}")
                        .expect("written");
                }
            } else if !differences.is_empty() {
                writeln!(message, "  {folder}/{name}\n{differences}").expect("written");
            }
        }
    }
    assert!(message.is_empty(), "\n{message}");
}

#[test]
fn every_document_is_read_as_specified() {
    check();
}

#[test]
fn problems_come_in_the_order_of_the_document() {
    let mut message = String::new();
    for (name, (bytes, _)) in documents("bad") {
        let problems = match Format::from_path(&name).read(&bytes) {
            Ok(load) => load.problems().to_vec(),
            Err(error) => error.problems().to_vec(),
        };
        // A problem of the whole document has no position in its order.
        let folders: Vec<_> =
            problems.iter().filter(|problem| problem.got() != "nothing").map(Problem::location).collect();
        if !folders.is_sorted() {
            writeln!(message, "  {name}: {folders:?}").expect("written");
        }
    }
    assert!(message.is_empty(), "\n{message}");
}

/// The reader of a log has no other information than the problem.
#[test]
fn every_problem_has_its_place_and_is_one_line() {
    for (name, (bytes, expected)) in documents("bad") {
        if expected["pending"].is_string() {
            continue;
        }
        let problems = match Format::from_path(&name).read(&bytes) {
            Ok(load) => load.problems().to_vec(),
            Err(error) => error.problems().to_vec(),
        };
        assert!(!problems.is_empty(), "{name}");
        let lines = bytes.split(|byte| *byte == b'\n').count();
        for problem in problems {
            let location = problem.location().unwrap_or_else(|| panic!("{name}: {problem}"));
            assert!((1..=lines).contains(&location.line) && location.column >= 1, "{name}: {problem}");
            assert!(!problem.got().is_empty() && !problem.expected().is_empty(), "{name}: {problem}");
            let shown = problem.to_string();
            assert!(!shown.contains('\n'), "{name}: {problem}");
            assert!(!shown.contains(" at line "), "{name}: a second place, of something else: {problem}");
            assert!(shown.chars().count() < 400, "{name}: {problem}");
        }
    }
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2], mark: bool) -> Vec<u8> {
    let mark = mark.then_some(0xFEFF);
    mark.into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
}

const ANY: usize = 0;

/// The expected result of some bytes: the flags that are on, or the position of the error and words of its message.
type Reading<'a> = Result<&'a [&'a str], (usize, usize, &'a [&'a str])>;

const TOML: &str = "[flags]\na = true\n";
const JSON: &str = "{\"flags\": {\n\"a\": true}}";
const ON: Reading<'_> = Ok(&["a"]);

/// A name, a document and the expected result.
type Case = (&'static str, Format, Vec<u8>, Reading<'static>);

fn encodings() -> Vec<Case> {
    let utf16_marked: Reading<'_> = Err((1, 1, &["UTF-16", "save the file as UTF-8"]));
    let join = |parts: &[&[u8]]| parts.concat();
    vec![
        ("UTF-8", Format::Toml, TOML.into(), ON),
        ("UTF-8", Format::Json, JSON.into(), ON),
        ("UTF-8 with a mark", Format::Toml, join(&[b"\xEF\xBB\xBF", TOML.as_bytes()]), ON),
        ("UTF-8 with a mark", Format::Json, join(&[b"\xEF\xBB\xBF", JSON.as_bytes()]), ON),
        ("two marks", Format::Json, join(&[b"\xEF\xBB\xBF\xEF\xBB\xBF", JSON.as_bytes()]), Err((1, 1, &[]))),
        ("only a mark", Format::Toml, b"\xEF\xBB\xBF".to_vec(), Err((1, 1, &["empty"]))),
        ("UTF-16 LE", Format::Toml, utf16(TOML, u16::to_le_bytes, true), utf16_marked),
        ("UTF-16 BE", Format::Toml, utf16(TOML, u16::to_be_bytes, true), utf16_marked),
        ("UTF-16 LE", Format::Json, utf16(JSON, u16::to_le_bytes, true), utf16_marked),
        ("UTF-16 BE", Format::Json, utf16(JSON, u16::to_be_bytes, true), utf16_marked),
        ("UTF-16 LE without a mark", Format::Toml, utf16(TOML, u16::to_le_bytes, false), Err((1, 2, &[]))),
        ("UTF-16 BE without a mark", Format::Json, utf16(JSON, u16::to_be_bytes, false), Err((1, 1, &[]))),
        ("UTF-32 LE", Format::Toml, TOML.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(), Err((1, 2, &[]))),
        (
            "Latin-1",
            Format::Toml,
            b"# caf\xE9\n[flags]\na = true\n".to_vec(),
            Err((1, 6, &["0xE9", "offset 5", "UTF-8"])),
        ),
        (
            "Latin-1",
            Format::Json,
            b"{\"flags\": {\n\"a\": {\"owner\": \"\xE9\"}}}".to_vec(),
            Err((2, 17, &["0xE9", "offset 28", "UTF-8"])),
        ),
        (
            "Windows-1252",
            Format::Toml,
            b"[flags]\n# \x93a\x94\na = true\n".to_vec(),
            Err((2, 3, &["0x93", "offset 10"])),
        ),
        ("Shift-JIS", Format::Toml, b"# \x8C\x9F\n[flags]\n".to_vec(), Err((1, 3, &["0x8C", "offset 2"]))),
        ("an overlong form", Format::Toml, b"[flags]\na = \"\xC0\xAF\"\n".to_vec(), Err((2, 6, &["0xC0"]))),
        ("a surrogate in UTF-8", Format::Json, b"{\"flags\": \"\xED\xA0\x80\"}".to_vec(), Err((1, 12, &["0xED"]))),
        (
            "a character cut in two",
            Format::Toml,
            b"[flags]\n# \xF0\x9F\x9A".to_vec(),
            Err((2, 3, &["0xF0", "offset 10"])),
        ),
    ]
}

fn zeros_line_ends_and_empty_documents() -> Vec<Case> {
    vec![
        ("NUL", Format::Toml, b"[flags]\na = true\n\0".to_vec(), Err((3, 1, &[]))),
        ("NUL", Format::Json, b"{\"flags\": {\"a\": true}}\0".to_vec(), Err((1, 23, &[]))),
        ("NUL in a text", Format::Json, b"{\"flags\": {\"a\": \"\0\"}}".to_vec(), Err((1, ANY, &[]))),
        ("zeros of a file system that lost power", Format::Toml, vec![0; 4096], Err((1, 1, &[]))),
        ("zeros of a file system that lost power", Format::Json, vec![0; 4096], Err((1, 1, &[]))),
        ("CRLF", Format::Toml, TOML.replace('\n', "\r\n").into(), ON),
        ("CRLF", Format::Json, JSON.replace('\n', "\r\n").into(), ON),
        ("CR", Format::Toml, TOML.replace('\n', "\r").into(), Err((1, ANY, &[]))),
        ("CR", Format::Json, JSON.replace('\n', "\r").into(), ON),
        ("nothing", Format::Toml, Vec::new(), Err((1, 1, &["empty", "[flags]"]))),
        ("nothing", Format::Json, Vec::new(), Err((1, 1, &["empty", "{\"flags\": {}}"]))),
        ("white space", Format::Toml, b"\n \t\r\n\n".to_vec(), Err((1, 1, &["empty"]))),
        ("white space", Format::Json, b"\n \t\r\n\n".to_vec(), Err((1, 1, &["empty"]))),
        ("white space behind a mark", Format::Json, b"\xEF\xBB\xBF\n\n".to_vec(), Err((1, 1, &["empty"]))),
    ]
}

#[test]
fn other_encodings_are_refused_in_words_that_help() {
    let mut message = String::new();
    for (name, format, bytes, expected) in encodings().into_iter().chain(zeros_line_ends_and_empty_documents()) {
        let found = format.read(&bytes);
        let agrees = match (&expected, &found) {
            (Ok(on), Ok(load)) => {
                load.problems().is_empty()
                    && load.flags().len() == on.len()
                    && on.iter().all(|key| load.flags().get(key) == Some(&Flag::on()))
            }
            (Err((line, column, words)), Err(error)) => {
                let folder = error.problems().iter().filter_map(Problem::location).min();
                folder.is_some_and(|folder| folder.line == *line && (*column == ANY || folder.column == *column))
                    && words.iter().all(|word| error.to_string().contains(word))
            }
            _ => false,
        };
        if !agrees {
            let found = found.map_or_else(|error| error.to_string(), |load| format!("{load:?}"));
            writeln!(message, "  {name}, {format:?}: expected {expected:?}, found {found}").expect("written");
        }
    }
    assert!(message.is_empty(), "\n{message}");
}

#[test]
fn one_byte_order_mark_is_one() {
    for (format, text) in [(Format::Toml, "[flags]\n"), (Format::Json, "{\"flags\": {}}")] {
        let marked = format!("\u{FEFF}\u{FEFF}{text}");
        assert!(format.read(marked.as_bytes()).is_err(), "{format:?}");
    }
}

/// These values end up in a terminal or a log.
#[test]
fn no_problem_carries_control_characters() {
    for text in ["\0", "[flags]\n\u{1b}[31m = true\n", "[flags]\na = \u{1b}]0;title\u{7}\n", "[flags]\n\u{202e}a = 1\n"]
    {
        for format in [Format::Toml, Format::Json] {
            let error = format.read(text.as_bytes()).expect_err("refused");
            for problem in error.problems() {
                let shown = problem.to_string();
                assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{format:?}: {shown:?}");
            }
        }
    }
}

#[test]
fn the_problems_of_a_text_that_is_none_are_short_enough_to_read() {
    for text in ["\0\n".repeat(1 << 17), "=\n".repeat(1 << 17), "[".repeat(1 << 17), "a ".repeat(1 << 17)] {
        let error = Format::Toml.read(text.as_bytes()).expect_err("refused");
        let (problems, last) = (error.problems(), error.problems().last().map(Problem::got).unwrap_or_default());
        match problems.len() {
            1_001 => assert!(last.ends_with(" more problems"), "{last}"),
            few => assert!(few <= 1_000 && !last.ends_with("more"), "{few} problems, the last one {last}"),
        }
    }
}

#[test]
fn the_problem_of_an_endless_name_is_short_enough_to_read() {
    let name = "k".repeat(1 << 20);
    let load = Format::Toml.read(format!("[flags]\n{name} = 1\n[flags.a]\n{name} = 1\n").as_bytes()).expect("loads");
    assert_eq!(load.problems().len(), 2);
    for problem in load.problems() {
        assert!(problem.to_string().len() < 1_000, "{} bytes", problem.to_string().len());
    }
}

fn refused(format: Format, text: &str) -> String {
    format.read(text.as_bytes()).expect_err("refused").to_string()
}

#[test]
fn nesting_is_bounded_and_never_overflows_the_stack() {
    // Some thread pools use stacks this small.
    let nest = || {
        for depth in [33, 200, 100_000] {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            let message = refused(Format::Json, &format!("{{\"flags\": {{\"a\": {open}{close}}}}}"));
            assert!(message.contains("nested") || message.contains("recursion"), "{depth}: {message}");
            let objects = "{\"a\":".repeat(depth);
            refused(Format::Json, &format!("{objects}1{}", "}".repeat(depth)));
            refused(Format::Json, &open);
            refused(Format::Json, &objects);
        }
        for depth in [200, 100_000] {
            refused(Format::Toml, &format!("[flags]\na = {}{}", "[".repeat(depth), "]".repeat(depth)));
            refused(Format::Toml, &format!("[flags]\na = {}", "[".repeat(depth)));
            refused(Format::Toml, &format!("[flags]\na = {}1{}", "{ b = ".repeat(depth), " }".repeat(depth)));
            refused(Format::Toml, &format!("flags{} = 1", ".a".repeat(depth)));
            refused(Format::Toml, &format!("[flags{}]", ".a".repeat(depth)));
            // The fuzz target `bulk` found this: the parser closes brackets that it never opened.
            for part in ["{ a [b]\n", "{ a {b}\n", "[{ a [b]", "{ a = [b}", "{ [b] a = ", "{ {b} a = ", "[}", "{ a = ]"]
            {
                refused(Format::Toml, &format!("[flags]\na = {}", part.repeat(depth)));
                refused(Format::Toml, &part.repeat(depth));
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(nest).expect("a thread");
    thread.join().expect("no overflow and no panic");
}

/// A flag nests two levels. This one is deeper than any flag, but not too deep for a document, so only the flag is
/// rejected.
#[test]
fn only_the_flag_that_nests_too_deep_is_refused() {
    let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
    for (format, text) in [
        (Format::Json, format!("{{\"flags\": {{\"a\": {deep}, \"b\": true}}}}")),
        (Format::Toml, format!("[flags]\na = {deep}\nb = true\n")),
    ] {
        let load = format.read(text.as_bytes()).expect("loads");
        assert_eq!(load.problems().len(), 1, "{format:?}");
        assert!(load.flags().contains("a") && load.flags().get("a").is_none(), "{format:?}");
        assert_eq!(load.flags().get("b"), Some(&Flag::on()), "{format:?}");
    }
}
