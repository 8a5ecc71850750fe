//! A flag as a program verifies it: merged over all layers, with the digests of its segments.
//!
//! The digest of a definition must be the one that programs compute. So this module takes the flag from the merge of
//! `flagkit_core`, at the moment when a program would verify its approvals.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use flagkit_core::source::{Approvable, Approval, ApprovalVerifier, Digest, Reference, Rule};
use flagkit_core::{Flag, Flags};
use flagkit_sources::approvals::{Approvers, Coverage, Refusal, Statement, definition_digest, state_of};

use crate::project::{Layered, Project};

/// A flag that inherits nothing, and the digests of the segments in its rules.
#[derive(Clone, Debug)]
pub(crate) struct MergedFlag {
    key: String,
    flag: Flag,
    segments: BTreeMap<String, Digest>,
}

impl MergedFlag {
    /// Merges the layers of a project. Returns `None` if the flag is undeclared or invalid.
    pub(crate) fn of(project: &Project, key: &str) -> Option<Self> {
        let flags = Flags::new();
        let collector = Collector { key: key.to_owned(), found: Arc::default() };
        let found = Arc::clone(&collector.found);
        flags.require_approvals(collector);
        Layered::in_flags(flags, project.documents());
        found.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the state as statements have it: `off`, `on`, `10%`, or the progress of a migration.
    pub(crate) fn state(&self) -> String {
        state_of(&self.flag)
    }

    /// Returns the greatest serial of the valid approvals. Anyone can write an invalid one into the file.
    pub(crate) fn last_serial(&self, approvers: &Approvers, environment: &str) -> Option<u64> {
        let is_valid = |approval: &&Approval| {
            let after = definition_digest(&self.key, &self.flag, |name| self.segment(name), &approval.to);
            after.is_ok_and(|after| {
                let statement = Statement::of(environment, &self.key, &after, approval);
                approvers.verify(&statement, &approval.signature).is_ok()
            })
        };
        self.flag.approvals().iter().filter(is_valid).map(|approval| approval.serial).max()
    }

    /// Returns the digest of the definition with the present state.
    pub(crate) fn digest(&self) -> Result<String, Refusal> {
        definition_digest(&self.key, &self.flag, |name| self.segment(name), &self.state())
    }

    /// Verifies that the approvals cover the present state. Returns `None` if the flag needs no approval.
    pub(crate) fn cover(&self, approvers: &Approvers, environment: &str) -> Result<Option<Coverage>, Refusal> {
        approvers.cover(environment, &self.key, &self.flag, |name| self.segment(name))
    }

    fn segment(&self, name: &str) -> Option<Digest> {
        self.segments.get(name).copied()
    }
}

/// Collects one flag, and refuses none.
struct Collector {
    key: String,
    found: Arc<Mutex<Option<MergedFlag>>>,
}

impl ApprovalVerifier for Collector {
    fn verify(&self, approvable: &Approvable<'_>) -> Result<(), Box<str>> {
        if approvable.key().as_str() == self.key {
            let flag = approvable.flag().clone();
            let names = flag.rules().iter().flat_map(Rule::segments).map(Reference::name);
            let digest = |name: &str| Some((name.to_owned(), approvable.segment(name)?));
            let segments = names.filter_map(digest).collect();
            // The last publish has all layers.
            let merged = MergedFlag { key: self.key.clone(), flag, segments };
            *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(merged);
        }
        Ok(())
    }
}
