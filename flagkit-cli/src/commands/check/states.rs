//! States in the files of environments that belong to no declared flag.

use std::collections::BTreeSet;

use super::{Locations, nearest};
use crate::findings::{Finding, Level};
use crate::project::{Document, Project};
use crate::state::summary;

/// Reports each state that a flag would have at once if it were declared later under this key.
///
/// The flag of such a state was removed, or its key has a typing error. Then the state of the intended flag is not what
/// the file seems to say.
pub(super) fn check_states(projects: &[Project], findings: &mut Vec<Finding>) {
    let mut reported = BTreeSet::new();
    for project in projects {
        for (document, key) in project.undeclared_states() {
            let key = key.as_str();
            if reported.insert((document.path.clone(), key.to_owned())) {
                findings.push(finding(&project.declared, document, key));
            }
        }
    }
}

fn finding(declared: &Document, document: &Document, key: &str) -> Finding {
    let state = summary(document.load.flags().get(key));
    let message = format!("{key} has a state here ({state}), but {} does not declare it", declared.path.display());
    let help = match nearest(key, declared.keys().map(flagkit_core::FlagKey::as_str)) {
        Some(near) => format!("did you mean `{near}`? The state of {near} does not change by this line"),
        None => format!("remove it: a flag that is declared as {key} later would have this state at once"),
    };
    Locations::of(document).finding("undeclared-state", Level::Error, &document.path, key, message).with_help(help)
}
