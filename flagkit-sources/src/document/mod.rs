//! Flag documents: from bytes to a load.
//!
//! # The problem
//!
//! A flag file is edited by people in a hurry, by scripts, and by writers that are half done when it is read. The
//! answer to a bad one must neither be "flags off" nor one error at a time.
//!
//! # The idea
//!
//! ```text
//! bytes ──text──▶ &str ──toml | json──▶ Node (values with their place) ──flags──▶ Load | LoadError
//! ```
//!
//! Two formats meet in one tree of values that remember where they stand; one decoder reads that tree and collects
//! *all* problems, each with line, column, key path, what was got and what was expected.
//!
//! # What is refused
//!
//! A document that is not well-formed, is empty, or says of itself that it should be longer is refused as a whole: it
//! may be half of something. In a well-formed document a flag that is not understood is refused alone.
//! `spec/README.md` has the format.

mod conditions;
mod decoder;
mod flags;
mod json;
mod lines;
mod node;
mod rules;
mod suggest;
mod text;
mod toml;
mod variants;

use std::path::Path;

use flagkit_core::source::{Load, LoadError, Problem};

use self::lines::Lines;
use self::node::Node;

/// A format of flag documents. Both have the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON (RFC 8259); a name that is given twice in one object is an error.
    Json,
}

impl Format {
    /// Returns the format that a file's extension says: JSON for `.json`, TOML for everything else.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        match path.as_ref().extension() {
            Some(extension) if extension.eq_ignore_ascii_case("json") => Self::Json,
            _ => Self::Toml,
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Returns an error, with all problems found, when the document is refused as a whole. Problems of single flags
    /// are in the load.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_sources::document::Format;
    ///
    /// let load = Format::Toml.read(b"[flags]\nold-banner = true\nsearch = 25\n")?;
    /// assert!(load.flags().get("old-banner").is_some());
    /// assert_eq!(
    ///     load.problems()[0].to_string(),
    ///     "3:10: flags.search: got the number 25, expected true, false, a percentage such as \"25%\", or a table; \
    ///      write \"25%\" for a rollout of 25 percent",
    /// );
    /// # Ok::<(), flagkit_core::source::LoadError>(())
    /// ```
    pub fn read(self, bytes: &[u8]) -> Result<Load, LoadError> {
        let text = text::decode(bytes)?;
        let lines = Lines::new(text);
        if text.trim_start().is_empty() {
            return Err(LoadError::new("the document is empty").with_problems([lines
                .problem(0, "", "an empty document", "a `flags` table")
                .with_help("write `[flags]`, or `{\"flags\": {}}` in JSON, to declare no flags on purpose")]));
        }
        let root = match self {
            Self::Toml => toml::parse(text),
            Self::Json => json::parse(text),
        };
        match root {
            Ok(root) => flags::decode(&root, &lines),
            Err(faults) => {
                let is_json = self == Self::Toml && text.trim_start().starts_with('{');
                let mut problems = faults.into_problems(&lines);
                if let (Some(problem), true) = (problems.first_mut(), is_json) {
                    *problem = problem.clone().with_help("this looks like JSON: a file of JSON is named `.json`");
                }
                Err(LoadError::new(format!("the document is not well-formed {}", self.name())).with_problems(problems))
            }
        }
    }

    /// Returns the extension of its files: `toml` or `json`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Json => "json",
        }
    }

    pub(crate) fn from_extension(extension: &str) -> Option<Self> {
        [Self::Toml, Self::Json].into_iter().find(|format| format.extension() == extension)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Toml => "TOML",
            Self::Json => "JSON",
        }
    }
}

/// How many problems are listed; nobody reads more.
const MAX_PROBLEMS: usize = 1_000;

/// A place where the text is not of its format.
struct Fault {
    offset: usize,
    got: String,
    expected: String,
}

impl Fault {
    fn too_deep(offset: usize) -> Self {
        let got = format!("a value nested more than {} levels deep", node::MAX_DEPTH);
        Self { offset, got, expected: "fewer levels".to_owned() }
    }

    /// A name that is given already; `of` is what it is a name in.
    fn twice(offset: usize, name: &str, of: &str) -> Self {
        let got = format!("the name {:?} a second time", node::shorten(name));
        Self { offset, got, expected: format!("each name once in {of}") }
    }
}

/// Everything that is not of the format: of more than anybody reads, how much it is.
#[derive(Default)]
struct Faults {
    list: Vec<Fault>,
    found: usize,
}

impl Faults {
    fn push(&mut self, fault: Fault) {
        self.push_with(fault.offset, || fault);
    }

    /// The same, and nothing is put into words that is not listed: there may be one for every other byte.
    fn push_with(&mut self, offset: usize, fault: impl FnOnce() -> Fault) {
        if self.list.last().is_some_and(|last| last.offset == offset) {
            return;
        }
        self.found += 1;
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(fault());
        }
    }

    fn append(&mut self, others: Self) {
        let unlisted = others.found - others.list.len();
        others.list.into_iter().for_each(|fault| self.push(fault));
        self.found += unlisted;
    }

    fn are_none(&self) -> bool {
        self.found == 0
    }

    /// In the order of the document; of several at one place, that which was found first.
    fn into_problems(mut self, lines: &Lines<'_>) -> Vec<Problem> {
        let more = self.found - self.list.len();
        self.list.sort_by_key(|fault| fault.offset);
        self.list.dedup_by_key(|fault| fault.offset);
        let problem = |fault: Fault| lines.problem(fault.offset, "", fault.got, fault.expected);
        let mut problems: Vec<Problem> = self.list.into_iter().map(problem).collect();
        problems.extend((more > 0).then(|| problems_more(more)));
        problems
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { list: vec![fault], found: 1 }
    }
}

/// What stands for those that are not listed.
fn problems_more(count: usize) -> Problem {
    Problem::new("", format!("{count} problems more"), "a document without problems")
}

/// A well-formed document, or everything that is not.
type Parsed<'t> = Result<Node<'t>, Faults>;
