//! The findings of `check`, and their output formats.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

use crate::file::parent_dir;
use crate::location::{absolute, repository};
use crate::terminal::{BAD, BOLD, DIM, WARN, styled};

/// The output format of `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
    Github,
    Sarif,
}

/// One thing to fix, with its location.
#[derive(Clone, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// Starts at 1. 0 stands for the whole file.
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// The name of the finding. `allow` uses it too.
    pub(crate) rule: &'static str,
    pub(crate) level: Level,
    pub(crate) flag: Option<String>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warning,
}

impl Finding {
    pub(crate) fn new(rule: &'static str, level: Level, path: &Path, message: impl Into<String>) -> Self {
        let path = path.display().to_string();
        Self { path, line: 0, column: 0, rule, level, flag: None, message: message.into(), help: None }
    }

    /// Names the flag that the finding is about.
    pub(crate) fn of(mut self, flag: &str) -> Self {
        self.flag = Some(flag.to_owned());
        self
    }

    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        (self.line, self.column) = (line, column);
        self
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn location(&self) -> String {
        if self.line == 0 { self.path.clone() } else { format!("{}:{}:{}", self.path, self.line, self.column) }
    }

    fn level(&self) -> &'static str {
        match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        }
    }
}

/// Renders all findings about a flag file in a format. `allowed` is the number of findings that the file allows.
pub(crate) fn render(file: &Path, findings: &[Finding], allowed: usize, format: Format) -> String {
    let repository = || repository(&parent_dir(file));
    match format {
        Format::Human => human(findings, allowed),
        Format::Json => json!({ "findings": findings, "allowed": allowed }).to_string() + "\n",
        Format::Github => {
            // A checkout may be in a folder of the workspace, and annotations need paths from the workspace.
            let root = workspace(file).or_else(repository);
            findings.iter().map(|finding| github(finding, root.as_deref())).collect()
        }
        Format::Sarif => sarif(findings, repository().or_else(|| workspace(file)).as_deref()).to_string() + "\n",
    }
}

/// Returns the folder of a workflow of GitHub, if the flag file is below it.
fn workspace(file: &Path) -> Option<PathBuf> {
    let root = PathBuf::from(std::env::var_os("GITHUB_WORKSPACE")?).canonicalize().ok()?;
    resolved(file).starts_with(&root).then_some(root)
}

/// Returns a path from a root or, outside of the root, the absolute path. Without a root, returns the path unchanged.
fn from_root(path: &str, root: Option<&Path>) -> PathBuf {
    let path = Path::new(path);
    let Some(root) = root.and_then(|root| root.canonicalize().ok()) else { return path.to_owned() };
    let path = resolved(path);
    path.strip_prefix(&root).map(Path::to_owned).unwrap_or(path)
}

/// Returns the absolute path without links. The file itself may be a link, because its own name is what people edit.
fn resolved(path: &Path) -> PathBuf {
    let folder = parent_dir(path).canonicalize().unwrap_or_else(|_| absolute(&parent_dir(path)));
    path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name))
}

/// Returns a path as the reference of a URI: relative, or with the scheme `file`.
fn to_uri(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let mut uri = String::from(if text.starts_with('/') { "file://" } else { "" });
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(byte.into()),
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

fn human(findings: &[Finding], allowed: usize) -> String {
    let mut text = String::new();
    for finding in findings {
        let style = if finding.level == Level::Error { BAD } else { WARN };
        let level = styled(style, finding.level());
        let rule = styled(DIM, format!("[{}]", finding.rule));
        let _ = writeln!(text, "{}: {level} {rule} {}", styled(BOLD, finding.location()), finding.message);
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "  help: {help}");
        }
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    let warnings = findings.len() - errors;
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let more = if allowed == 0 { String::new() } else { format!(", {allowed} allowed") };
    let _ = writeln!(text, "{}, {}{more}", count(errors, "error"), count(warnings, "warning"));
    text
}

/// Returns a workflow command of GitHub Actions.
fn github(finding: &Finding, root: Option<&Path>) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escaped(text).replace(':', "%3A").replace(',', "%2C");
    let location = match finding.line {
        0 => String::new(),
        line => format!(",line={line},col={}", finding.column),
    };
    let help = finding.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!(
        "::{} file={}{location},title=flagkit {}::{}\n",
        finding.level(),
        property(&from_root(&finding.path, root).to_string_lossy().replace('\\', "/")),
        finding.rule,
        escaped(&format!("{}{help}", finding.message))
    )
}

/// Returns a document in SARIF 2.1.0. Its columns count characters.
fn sarif(findings: &[Finding], root: Option<&Path>) -> Value {
    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let rules: Vec<Value> = rules.into_iter().map(|rule| json!({ "id": rule })).collect();
    let result = |finding: &Finding| {
        let help = finding.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        let region = json!({ "startLine": finding.line.max(1), "startColumn": finding.column.max(1) });
        let uri = to_uri(&from_root(&finding.path, root));
        let mut artifact = json!({ "uri": uri });
        if root.is_some() && !uri.starts_with("file:") {
            artifact["uriBaseId"] = "%SRCROOT%".into();
        }
        let location = json!({ "artifactLocation": artifact, "region": region });
        json!({
            "ruleId": finding.rule, "level": finding.level(),
            "message": { "text": format!("{}{help}", finding.message) },
            "locations": [{ "physicalLocation": location }],
        })
    };
    let results: Vec<Value> = findings.iter().map(result).collect();
    let driver = json!({ "name": "flagkit", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}
