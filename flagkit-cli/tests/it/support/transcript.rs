//! Transcripts of runs, compared with files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{Folder, Terminal, envelope};

/// Commands with their output and exit codes, compared with a file in `tests/it/snapshots`.
pub(crate) struct Transcript<'f> {
    folder: &'f Folder,
    text: String,
    replaced: Vec<(String, String)>,
}

impl<'f> Transcript<'f> {
    pub(crate) fn new(folder: &'f Folder) -> Self {
        let root = folder.root().display().to_string();
        let day = |days: i64| {
            (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).strftime("%F").to_string()
        };
        let replaced = vec![(root, "/FOLDER".to_owned()), (day(0), "YYYY-MM-DD".to_owned())];
        Self { folder, text: String::new(), replaced }
    }

    /// Replaces a text that differs between runs.
    pub(crate) fn replace(&mut self, text: &str, with: &str) {
        self.replaced.push((text.to_owned(), with.to_owned()));
    }

    /// Adds a headline.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = write!(self.text, "{}# {text}\n\n", if self.text.is_empty() { "" } else { "\n" });
    }

    /// Adds the contents of a file.
    pub(crate) fn file(&mut self, name: &str) {
        let text = self.folder.read(name);
        self.shown(&format!("cat {name}"), &text, "", 0);
    }

    pub(crate) fn shown(&mut self, command: &str, out: &str, err: &str, code: i32) {
        let _ = writeln!(self.text, "$ {command}");
        self.text += out;
        if !out.is_empty() && !out.ends_with('\n') {
            self.text.push('\n');
        }
        for line in err.lines() {
            let _ = writeln!(self.text, "! {line}");
        }
        if code != 0 {
            let _ = writeln!(self.text, "[exit {code}]");
        }
        self.text.push('\n');
    }

    /// Runs the command, and adds its text output.
    #[track_caller]
    pub(crate) fn text(&mut self, arguments: &[&str]) -> i32 {
        let ran = self.folder.run(arguments);
        assert!(!(ran.out.clone() + &ran.err).contains('\u{1b}'), "no colours in a pipe: {ran:?}");
        self.shown(&format!("flagkit {}", quoted(arguments)), &ran.out, &ran.err, ran.code);
        ran.code
    }

    /// Runs the command with `--json`, and adds its output.
    #[track_caller]
    pub(crate) fn json(&mut self, arguments: &[&str]) -> i32 {
        let ran = self.folder.run(&[&["--json"], arguments].concat());
        let envelope = envelope(&ran);
        let pretty = serde_json::to_string_pretty(&envelope).expect("JSON");
        self.shown(&format!("flagkit --json {}", quoted(arguments)), &pretty, &ran.err, ran.code);
        ran.code
    }

    /// Runs the command both ways. Both must end with the same exit code.
    #[track_caller]
    pub(crate) fn both(&mut self, arguments: &[&str]) {
        let codes = (self.text(arguments), self.json(arguments));
        assert_eq!(codes.0, codes.1, "{arguments:?}");
    }

    /// Runs the command at a terminal with a script, and adds the output.
    #[track_caller]
    pub(crate) fn at_terminal(&mut self, arguments: &[&str], script: impl FnOnce(&mut Terminal)) -> i32 {
        let mut terminal = self.folder.terminal(arguments);
        script(&mut terminal);
        let (code, shown) = terminal.end();
        self.shown(&format!("flagkit {}        (at a terminal)", quoted(arguments)), &shown, "", code);
        code
    }

    /// Compares the transcript with the file, or writes the file if `UPDATE_SNAPSHOTS=1`.
    #[track_caller]
    pub(crate) fn check(self, name: &str) {
        let mut text = self.text;
        for (from, to) in &self.replaced {
            text = text.replace(from, to);
        }
        let text = text.split_inclusive('\n').map(normal).collect::<String>();
        let text = text.trim_end().to_owned() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, text).expect("written");
            return;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        let lines = expected.lines().zip(text.lines());
        let differs = lines.clone().position(|(old, new)| old != new).unwrap_or(lines.count());
        let at = |text: &str| text.lines().skip(differs).take(8).collect::<Vec<_>>().join("\n");
        assert!(
            text == expected,
            "{name}: differs from line {} on; UPDATE_SNAPSHOTS=1 writes it again\n--- file\n{}\n--- now\n{}",
            differs + 1,
            at(&expected),
            at(&text)
        );
    }
}

fn quoted(arguments: &[&str]) -> String {
    let quoted = |text: &&str| {
        if text.is_empty() || text.contains([' ', '"', '*']) { format!("'{text}'") } else { (*text).to_owned() }
    };
    arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Replaces the parts of a line that differ between runs: hashes, times of day, milliseconds, ages, and revisions.
fn normal(line: &str) -> String {
    let mut line = without_times(&without_hashes(line));
    for (before, after) in [
        ("\"millis\": ", ""),
        ("(revision ", ")"),
        ("\"revision\": ", ""),
        ("for everyone for ", " days"),
        ("the last step was ", " ago"),
        ("try again in ", ";"),
    ] {
        line = without(&line, before, after);
    }
    if line.starts_with("  ") && (line.contains(" pass  ") || line.contains(" fail  ")) {
        let trimmed = line.trim_end().trim_end_matches(|c: char| c.is_ascii_digit());
        line = format!("{trimmed}N\n");
    }
    line
}

/// Replaces a number or a duration between two texts by `N`.
fn without(line: &str, before: &str, after: &str) -> String {
    let Some((head, tail)) = line.split_once(before) else { return line.to_owned() };
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, 'h' | 'm' | 's' | ' ');
    let len = if after.is_empty() { tail.find(|c: char| !c.is_ascii_digit()) } else { tail.find(after) };
    match len.map(|len| tail.split_at(len)) {
        Some((number, rest)) if !number.is_empty() && number.chars().all(is_part) => format!("{head}{before}N{rest}"),
        _ => line.to_owned(),
    }
}

fn without_hashes(line: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in line.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            word.push(c);
            continue;
        }
        parts.push(if word.len() == 64 { "HASH".to_owned() } else { std::mem::take(&mut word) });
        word.clear();
        if c != '\0' {
            parts.push(c.to_string());
        }
    }
    parts.concat()
}

/// Replaces `T12:34:56.789Z`, ` 12:34:56Z` and ` 12:34Z` after a day.
fn without_times(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some(at) = rest.find("YYYY-MM-DD") {
        let end = at + "YYYY-MM-DD".len();
        text += &rest[..end];
        rest = &rest[end..];
        let is_time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
        if let Some(time) = rest.strip_prefix(['T', ' ']) {
            let len = time.find(|c| !is_time(c)).unwrap_or(time.len());
            if len >= 5 && time[len..].starts_with('Z') {
                text += &rest[..1];
                text += "HH:MMZ";
                rest = &time[len + 1..];
            }
        }
    }
    text + rest
}
