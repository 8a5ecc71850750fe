//! A reference: the name of a flag or segment that another declaration defines.

use crate::model::problem::Location;

/// The name of a flag or segment declared elsewhere, and the location of the reference.
///
/// Two references with the same name are equal, even if their locations differ.
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
