//! The flags of one environment, with their verified approvals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use flagkit_core::source::{Approvable, Approval, ApprovalRequirement, ApprovalVerifier, Confirmation};
use flagkit_core::{Flag, Flags};
use flagkit_sources::approvals::{Approvers, Refusal, Signature, Statement, definition_digest, state_of};

use crate::environment::environment_name;
use crate::project::{Document, Layered, Project};

/// The approvals of all flags of one environment.
pub(crate) struct Inspection {
    flags: BTreeMap<String, InspectedFlag>,
}

/// A flag with its approvals, each of them verified by itself, and the result for the flag.
#[derive(Clone)]
pub(crate) struct InspectedFlag {
    pub(crate) state: String,
    /// What the gate and the list require.
    pub(crate) requirement: ApprovalRequirement,
    pub(crate) approvals: Vec<InspectedApproval>,
    /// Whether the flag includes subjects, so that it needs approvals.
    pub(crate) needs_approval: bool,
    /// Why the approvals are not enough.
    pub(crate) refusal: Option<String>,
    /// The serial of the approvals that cover the flag.
    serial: Option<u64>,
    /// Whether the gate requires signatures.
    is_gated: bool,
}

/// An approval of a flag file, and whether its signature is valid.
#[derive(Clone)]
pub(crate) struct InspectedApproval {
    pub(crate) approval: Approval,
    pub(crate) signature: Result<Signature, Refusal>,
}

impl InspectedFlag {
    /// Returns the greatest serial of the valid approvals.
    pub(crate) fn last_serial(&self) -> Option<u64> {
        let valid = self.approvals.iter().filter(|approval| approval.signature.is_ok());
        valid.map(|approval| approval.approval.serial).max()
    }
}

impl Inspection {
    /// Verifies the approvals of a project's flags.
    ///
    /// `stricter` returns what a flag requires in addition to the gate in its documents.
    pub(crate) fn of(
        project: &Project,
        env: Option<&str>,
        approvers: &Approvers,
        stricter: impl Fn(&str) -> Option<ApprovalRequirement>,
    ) -> Self {
        // The verifier outlives this call, so it needs the requirements as values.
        let keys = project.documents().flat_map(Document::keys);
        let stricter = keys.filter_map(|key| Some((key.to_string(), stricter(key.as_str())?))).collect();
        let inspector = Inspector {
            approvers: approvers.clone(),
            environment: environment_name(env).to_owned(),
            stricter,
            found: Arc::default(),
        };
        let found = Arc::clone(&inspector.found);
        let flags = Flags::new();
        flags.require_approvals(inspector);
        drop(Layered::in_flags(flags, project.documents()));
        let flags = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        Self { flags }
    }

    /// Returns the flags by their keys.
    pub(crate) fn flags(&self) -> impl Iterator<Item = (&str, &InspectedFlag)> {
        self.flags.iter().map(|(key, flag)| (key.as_str(), flag))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&InspectedFlag> {
        self.flags.get(key)
    }

    /// Returns why flags that their gates require signatures for are not approved.
    pub(crate) fn gated_refusals(&self) -> BTreeMap<String, String> {
        self.refusals(|flag| flag.is_gated)
    }

    /// Returns why flags are not approved that need approvals only where a program requires them of each flag.
    pub(crate) fn ungated_refusals(&self) -> BTreeMap<String, String> {
        self.refusals(|flag| !flag.is_gated)
    }

    /// Returns the flags that have the approvals that their gates require.
    pub(crate) fn gated_approved(&self) -> BTreeSet<String> {
        let is_approved = |flag: &InspectedFlag| flag.is_gated && flag.needs_approval && flag.refusal.is_none();
        self.flags.iter().filter(|(_, flag)| is_approved(flag)).map(|(key, _)| key.clone()).collect()
    }

    /// Returns the flags under gates that require signatures, each with the serial of the approvals that cover it.
    pub(crate) fn gated_serials(&self) -> impl Iterator<Item = (&str, u64)> {
        self.flags().filter(|(_, flag)| flag.is_gated).filter_map(|(key, flag)| Some((key, flag.serial?)))
    }

    /// Returns the flags that a command shows as dark, with the reasons. `None`: the project does not use approvals.
    ///
    /// A gate that requires signatures is about its flags. An approval in a document says that programs verify all of it.
    pub(crate) fn shown_refusals(&self) -> Option<BTreeMap<String, String>> {
        let has_approvals = self.flags.values().any(|flag| !flag.approvals.is_empty());
        let is_used = has_approvals || self.flags.values().any(|flag| flag.is_gated);
        is_used.then(|| self.refusals(|flag| flag.is_gated || has_approvals))
    }

    fn refusals(&self, is_meant: impl Fn(&InspectedFlag) -> bool) -> BTreeMap<String, String> {
        let meant = self.flags.iter().filter(|(_, flag)| is_meant(flag));
        meant.filter_map(|(key, flag)| Some((key.clone(), flag.refusal.clone()?))).collect()
    }
}

/// Records the approvals of each flag during a merge, and refuses none.
struct Inspector {
    approvers: Approvers,
    environment: String,
    stricter: BTreeMap<String, ApprovalRequirement>,
    found: Arc<Mutex<BTreeMap<String, InspectedFlag>>>,
}

impl Inspector {
    fn inspect(&self, approvable: &Approvable<'_>) -> InspectedFlag {
        let key = approvable.key().as_str();
        let mut flag = approvable.flag().clone();
        let gate = [flag.approval_requirement(), self.stricter.get(key).copied()].into_iter().flatten();
        let gate = gate.fold(ApprovalRequirement::default(), ApprovalRequirement::strictest);
        flag = flag.with_approval_requirement(gate);
        let covered = self.approvers.cover(&self.environment, key, &flag, |name| approvable.segment(name));
        InspectedFlag {
            serial: covered.as_ref().ok().and_then(Option::as_ref).map(|coverage| coverage.serial),
            state: state_of(&flag),
            requirement: gate.strictest(self.approvers.floor()),
            approvals: flag.approvals().iter().map(|approval| self.verify_one(approvable, &flag, approval)).collect(),
            needs_approval: !matches!(covered, Ok(None)),
            refusal: covered.err().map(|refusal| refusal.to_string()),
            is_gated: gate.confirmation > Confirmation::Terminal,
        }
    }

    fn verify_one(&self, approvable: &Approvable<'_>, flag: &Flag, approval: &Approval) -> InspectedApproval {
        let key = approvable.key().as_str();
        let after = definition_digest(key, flag, |name| approvable.segment(name), &approval.to);
        let signature = after.and_then(|after| {
            let statement = Statement::of(&self.environment, key, &after, approval);
            self.approvers.verify(&statement, &approval.signature)
        });
        InspectedApproval { approval: approval.clone(), signature }
    }
}

impl ApprovalVerifier for Inspector {
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
        // Before all layers have loaded, the flag is not the one that a program would have.
        if flag.is_settled() {
            let inspected = self.inspect(flag);
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.insert(flag.key().to_string(), inspected);
        }
        Ok(())
    }
}

/// Refuses the flags that an inspection found to be not approved.
pub(crate) struct Refusals(pub(crate) BTreeMap<String, String>);

impl ApprovalVerifier for Refusals {
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
        self.0.get(flag.key().as_str()).map_or(Ok(()), |reason| Err(reason.as_str().into()))
    }
}
