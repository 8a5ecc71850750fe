//! Names that are easy to confuse, for people or as environment variables.

use super::{Locations, declared};
use crate::findings::{Finding, Level};
use crate::names::SimilarNames;
use crate::project::Document;

pub(super) fn check_names(document: &Document, locations: &Locations, findings: &mut Vec<Finding>) {
    let mut names = SimilarNames::default();
    for (key, _) in declared(document) {
        if let Some(similar) = names.add(key) {
            let message = format!("{key} is easy to confuse with {similar}");
            findings.push(locations.finding("similar-name", Level::Warning, &document.path, key, message));
        }
    }
}
