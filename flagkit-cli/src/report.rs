//! How a verb ends.

use std::fmt;

use flagkit_core::source::Problem;
use serde::Serialize;
use serde_json::Value;

/// What the process says to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It is done.
    Done = 0,
    /// It is done, and there is something to mend.
    Findings = 1,
    /// It was called in a way that makes no sense.
    Usage = 2,
    /// A machine said no.
    CheckFailed = 3,
    /// A human is needed, or said no.
    NeedsConfirmation = 4,
    /// Something else changed meanwhile, or the step is not allowed.
    Conflict = 7,
    /// A file, a process or the network did not do what was asked.
    Io = 8,
}

/// For `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  there are findings
  2  usage
  3  a machine said no
  4  a human is needed, or said no
  7  a conflict, or a step that is not allowed
  8  a file, a process or the network failed";

/// What a verb has to say when it is done.
#[derive(Debug)]
pub(crate) struct Report {
    /// Done, or done with findings.
    pub(crate) exit: Exit,
    /// For people.
    pub(crate) text: String,
    /// For machines.
    pub(crate) data: Value,
}

impl Report {
    /// Makes a report of something that is done.
    pub(crate) fn new(text: impl Into<String>, data: impl Serialize) -> Self {
        Self { exit: Exit::Done, text: text.into(), data: serde_json::to_value(data).unwrap_or(Value::Null) }
    }

    /// Sets another exit.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// Why a verb could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process says.
    pub(crate) exit: Exit,
    message: String,
    help: Option<String>,
    details: Vec<Detail>,
}

/// Something that is the matter in particular.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Detail {
    message: String,
    help: Option<String>,
}

impl Detail {
    /// What is wrong at a place of a file.
    pub(crate) fn of(path: impl fmt::Display, problem: &Problem) -> Self {
        let place = problem.location().map(|location| format!(":{location}")).unwrap_or_default();
        let key = if problem.path().is_empty() { String::new() } else { format!(" {}:", problem.path()) };
        let message = format!("{path}{place}:{key} got {}, expected {}", problem.got(), problem.expected());
        Self { message, help: problem.help().map(str::to_owned) }
    }
}

impl From<String> for Detail {
    fn from(message: String) -> Self {
        Self { message, help: None }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n    help: {help}"),
            None => Ok(()),
        }
    }
}

impl Failure {
    /// Says what is the matter.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, details: Vec::new() }
    }

    /// A file, a process or the network failed.
    pub(crate) fn io(message: impl Into<String>) -> Self {
        Self::new(Exit::Io, message)
    }

    /// It was called in a way that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Says what to do about it.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// For whoever did not call the command: what to do about it is said in its words.
    pub(crate) fn without_help(mut self) -> Self {
        self.help = None;
        self
    }

    /// Adds what is the matter in particular.
    pub(crate) fn with_details<D: Into<Detail>>(mut self, details: impl IntoIterator<Item = D>) -> Self {
        self.details.extend(details.into_iter().map(Into::into));
        self
    }

    /// The same for machines.
    pub(crate) fn to_json(&self) -> Value {
        serde_json::json!({ "message": self.message, "details": self.details, "help": self.help })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.details.iter().try_for_each(|detail| write!(f, "\n  {detail}"))?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

/// A report, or why there is none.
pub(crate) type Result<T = Report> = std::result::Result<T, Failure>;
