//! The findings of `check`, and their output formats.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::terminal::{BAD, BOLD, DIM, WARN, styled};

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

/// Renders all findings in a format. `allowed` is the number of findings that the file allows.
pub(crate) fn render(findings: &[Finding], allowed: usize, format: Format) -> String {
    match format {
        Format::Human => human(findings, allowed),
        Format::Json => json!({ "findings": findings, "allowed": allowed }).to_string() + "\n",
        Format::Github => findings.iter().map(github).collect(),
        Format::Sarif => sarif(findings).to_string() + "\n",
    }
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
fn github(finding: &Finding) -> String {
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
        property(&finding.path),
        finding.rule,
        escaped(&format!("{}{help}", finding.message))
    )
}

/// Returns a document in SARIF 2.1.0.
fn sarif(findings: &[Finding]) -> Value {
    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let rules: Vec<Value> = rules.into_iter().map(|rule| json!({ "id": rule })).collect();
    let result = |finding: &Finding| {
        let help = finding.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        let region = json!({ "startLine": finding.line.max(1), "startColumn": finding.column.max(1) });
        let location = json!({ "artifactLocation": { "uri": finding.path.replace('\\', "/") }, "region": region });
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
        "runs": [{ "tool": { "driver": driver }, "results": results }],
    })
}
