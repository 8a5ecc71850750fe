//! A reference: the name of a flag or segment that another declaration defines.
//!
//! A flag refers to its prerequisites, and a rule to its segments. The target may be in another layer, so a source
//! cannot check that it exists. The merge checks all references once it has all layers. By then the document is gone,
//! so each reference carries the location that a problem must show.

use crate::model::problem::Location;

/// The name of a flag or segment declared elsewhere, and the location of the reference.
///
/// Two references with the same name are equal, even if their locations differ. So a flag that moves to another line
/// of its document has not changed, and causes no new snapshot.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::{Location, Reference};
///
/// let reference = Reference::new("beta").at(Location { line: 3, column: 12 });
/// assert_eq!(reference, Reference::new("beta"));
/// ```
#[derive(Clone, Debug)]
pub struct Reference {
    name: Box<str>,
    location: Option<Location>,
}

impl Reference {
    /// Creates a reference to this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), location: None }
    }

    /// Sets the location of the reference. Problems show it.
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the location of the reference, if it is set.
    pub fn location(&self) -> Option<Location> {
        self.location
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Reference {}
