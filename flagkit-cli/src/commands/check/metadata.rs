//! The metadata that each kind of flag requires, for the people who maintain it later.

use flagkit_core::Flag;
use flagkit_core::source::{Kind, Metadata};

use super::{Locations, declared};
use crate::findings::{Finding, Level};
use crate::project::Document;

pub(super) fn check_metadata(document: &Document, locations: &Locations, findings: &mut Vec<Finding>) {
    for (key, flag) in declared(document) {
        let Some((metadata, kind)) = flag.and_then(Flag::metadata).and_then(|it| Some((it, it.kind?))) else {
            continue;
        };
        let Metadata { description, owner, created, expires, .. } = metadata;
        let required: &[&str] = match kind {
            Kind::Release => &["owner", "expires"],
            Kind::Experiment => &["description", "owner", "expires"],
            Kind::Ops => &["description", "owner"],
            Kind::Migration => &["description", "owner", "created", "expires"],
            _ => &["owner"],
        };
        let has = |name: &str| match name {
            "description" => description.is_some(),
            "owner" => owner.is_some(),
            "created" => created.is_some(),
            _ => expires.is_some(),
        };
        for name in required.iter().filter(|name| !has(name)) {
            let message = format!("{key} has kind {}, but no {name}", kind.as_str());
            findings.push(locations.finding("metadata", Level::Warning, &document.path, key, message));
        }
    }
}
