//! A problem: an error at one location in a document.
//!
//! A source lists the problems of a load, and the merge adds those of flags in combination. Both can be shown after the
//! document is gone, so a problem copies what it quotes. Equal problems count as one: the layer compares them to report
//! each once.

use std::fmt;

/// A problem in a document: its location, the value there, the expected value, and a way to fix it.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::Problem;
///
/// let problem = Problem::new("flags.search.rollout", "120", "a percentage from 0 to 100")
///     .at(12, 11)
///     .with_help("write 100 for everybody");
/// assert_eq!(
///     problem.to_string(),
///     "12:11: flags.search.rollout: got 120, expected a percentage from 0 to 100; write 100 for everybody"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    path: Box<str>,
    got: Box<str>,
    expected: Box<str>,
    help: Option<Box<str>>,
    location: Option<Location>,
}

/// A location in a text: line and column. Both start at 1, and the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The line, starting at 1.
    pub line: usize,
    /// The column in characters, starting at 1.
    pub column: usize,
}

impl Problem {
    /// Creates a problem from a key path, the value there, and the expected value.
    ///
    /// The texts complete the sentence "got …, expected …". Control characters in them are escaped.
    pub fn new(path: impl Into<String>, got: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            path: escape_control_chars(path.into()),
            got: escape_control_chars(got.into()),
            expected: escape_control_chars(expected.into()),
            help: None,
            location: None,
        }
    }

    /// Sets the location in the text. Both numbers start at 1.
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.location = Some(Location { line, column });
        self
    }

    /// Sets the help: a way to fix the problem.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(escape_control_chars(help.into()));
        self
    }

    /// Returns the key path, such as `flags.search.rollout`. It is empty for a problem of the whole document.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the value that was found.
    pub fn got(&self) -> &str {
        &self.got
    }

    /// Returns the expected value.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Returns the help, a way to fix the problem, if it is set.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns the location in the text, if the problem has one.
    pub fn location(&self) -> Option<Location> {
        self.location
    }
}

/// Escapes control characters, and characters that change the direction of writing.
///
/// They would change how a terminal or a log shows the text around them. Problems quote documents, and a document can
/// contain any characters.
pub(crate) fn escape_control_chars(text: String) -> Box<str> {
    let turns = |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_harmful = |c: char| c.is_control() || turns(c);
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.into()
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "got {}, expected {}", self.got, self.expected)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}
