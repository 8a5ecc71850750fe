//! One thing wrong with one place of a document.

use std::fmt;

/// One thing that is wrong: where, what was got, what was expected, and how to mend it.
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

/// A place in a text: line and column, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl Problem {
    /// Says what was got at the key path, and what was expected there.
    pub fn new(path: impl Into<String>, got: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            path: printable(path.into()),
            got: printable(got.into()),
            expected: printable(expected.into()),
            help: None,
            location: None,
        }
    }

    /// Says where in the text, both counted from 1.
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.location = Some(Location { line, column });
        self
    }

    /// Says how to mend it.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(printable(help.into()));
        self
    }

    /// Returns the key path, such as `flags.search.rollout`; for a problem of the whole document it is empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what was got.
    pub fn got(&self) -> &str {
        &self.got
    }

    /// Returns what was expected.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Returns how to mend it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns where in the text it stands, if it stands in a text.
    pub fn location(&self) -> Option<Location> {
        self.location
    }
}

/// Escapes what would change how a terminal or a log shows the text around it: control characters, and those that
/// change the direction of writing. Problems quote documents, and a document may hold anything.
pub(crate) fn printable(text: String) -> Box<str> {
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
