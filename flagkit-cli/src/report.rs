//! The result of a command: a report, or a failure, each with an exit code.

use std::fmt;

use flagkit_core::source::Problem;
use serde::Serialize;
use serde_json::Value;

/// The exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    /// The command succeeded, and has findings.
    Findings = 1,
    /// The command line is invalid.
    Usage = 2,
    CheckFailed = 3,
    /// Confirmation is required, or was declined.
    NeedsConfirmation = 4,
    /// The approval of one person is recorded, and another person must approve too.
    Waiting = 5,
    /// A signature, an approver or a request is invalid, or too old.
    Unapproved = 6,
    /// A file changed in the meantime, or the step is not allowed.
    Conflict = 7,
    /// A file, process or network error.
    Io = 8,
}

/// The exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  there are findings
  2  invalid command line
  3  a check failed
  4  confirmation required or declined
  5  an approval is recorded, and another person is required
  6  an approval is invalid, or too old
  7  a conflict, or a step that is not allowed
  8  a file, process or network error";

/// The output of a successful command, as text and as JSON.
#[derive(Debug)]
pub(crate) struct Report {
    /// `Done`, `Findings`, or what a person has to do next: `NeedsConfirmation` or `Waiting`.
    pub(crate) exit: Exit,
    pub(crate) text: String,
    /// The value of `data` with `--json`.
    pub(crate) data: Value,
}

impl Report {
    pub(crate) fn new(text: impl Into<String>, data: impl Serialize) -> Self {
        Self { exit: Exit::Done, text: text.into(), data: serde_json::to_value(data).unwrap_or(Value::Null) }
    }

    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// The reason why a command failed: one message, its details, and advice.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}{}", lines(.details), .help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default())]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    help: Option<String>,
    details: Vec<Detail>,
}

fn lines(details: &[Detail]) -> String {
    details.iter().fold(String::new(), |text, detail| text + "\n  " + &detail.to_string())
}

/// One of several reasons of a failure.
#[derive(Clone, Debug, Serialize, thiserror::Error)]
#[error("{message}{}", .help.as_ref().map(|help| format!("\n    help: {help}")).unwrap_or_default())]
pub(crate) struct Detail {
    message: String,
    help: Option<String>,
}

impl Detail {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// A problem of a document, with its location.
    pub(crate) fn of(path: impl fmt::Display, problem: &Problem) -> Self {
        let location = problem.location().map(|location| format!(":{location}")).unwrap_or_default();
        let key = if problem.path().is_empty() { String::new() } else { format!(" {}:", problem.path()) };
        let message = format!("{path}{location}:{key} got {}, expected {}", problem.got(), problem.expected());
        Self { message, help: problem.help().map(str::to_owned) }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<String> for Detail {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, details: Vec::new() }
    }

    /// A file, process or network error.
    pub(crate) fn io(message: impl Into<String>) -> Self {
        Self::new(Exit::Io, message)
    }

    /// An invalid command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Adds advice.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Drops the advice, which names command-line options that do not apply to callers of the library.
    pub(crate) fn without_help(mut self) -> Self {
        self.help = None;
        self
    }

    pub(crate) fn with_details<D: Into<Detail>>(mut self, details: impl IntoIterator<Item = D>) -> Self {
        self.details.extend(details.into_iter().map(Into::into));
        self
    }

    /// The value of `error` with `--json`.
    pub(crate) fn to_json(&self) -> Value {
        serde_json::json!({ "message": self.message, "details": self.details, "help": self.help })
    }
}

/// A report, or the reason why there is none.
pub(crate) type Result<T = Report> = std::result::Result<T, Failure>;
