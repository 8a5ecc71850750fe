//! Flags that should be removed: expired ones, and ones that everyone has had for long.

use std::collections::BTreeMap;

use flagkit_core::Flag;
use flagkit_core::source::{Kind, Metadata};
use jiff::Timestamp;

use super::{Locations, days, declared};
use crate::findings::{Finding, Level};
use crate::journal::Journal;
use crate::project::Document;
use crate::state::State;

/// The days before the expiry date on which `expires-soon` is reported.
const EXPIRY_WARNING: i64 = 14;
/// The days after which `fully-rolled-out` is reported for a flag that is on for everyone.
const FULLY_ROLLED_OUT: i64 = 30;

pub(super) fn check_age(document: &Document, locations: &Locations, journal: &Journal, findings: &mut Vec<Finding>) {
    let last: BTreeMap<&str, Timestamp> = journal.latest().map(|entry| (entry.flag.as_str(), entry.when)).collect();
    for (key, flag) in declared(document) {
        let metadata = flag.and_then(Flag::metadata);
        findings.extend(expiry(document, locations, key, metadata));
        let is_permanent =
            metadata.and_then(|it| it.kind).is_some_and(|kind| matches!(kind, Kind::Ops | Kind::Permission));
        let is_on_for_everyone = flag.is_some_and(|flag| {
            State::of(Some(flag)) == State::ON && flag.rules().is_empty() && flag.variants().is_none()
        });
        if is_on_for_everyone && !is_permanent {
            let changed = last.get(key).copied();
            let since = changed.map(|when| Timestamp::now().duration_since(when).as_hours() / 24);
            let created = metadata.and_then(|it| it.created).and_then(days);
            if let Some(ago) = since.or(created).filter(|ago| *ago >= FULLY_ROLLED_OUT) {
                let message = format!("{key} has been on for everyone for {ago} days");
                let finding = locations.finding("fully-rolled-out", Level::Warning, &document.path, key, message);
                findings.push(finding.with_help("remove the flag, and keep the code that it turned on"));
            }
        }
    }
}

fn expiry(document: &Document, locations: &Locations, key: &str, metadata: Option<&Metadata>) -> Option<Finding> {
    let day = metadata?.expires?;
    let ago = days(day)?;
    if ago > 0 {
        let message = format!("{key} expired on {day}");
        let finding = locations.finding("expired", Level::Error, &document.path, key, message);
        return Some(finding.with_help("remove the flag and the code that it hides, or set a later date"));
    }
    let message = format!("{key} expires on {day}, in {} days", -ago);
    (ago >= -EXPIRY_WARNING).then(|| locations.finding("expires-soon", Level::Warning, &document.path, key, message))
}
