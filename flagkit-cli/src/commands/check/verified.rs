//! The flags of the head with approvals that are valid by the base, and the flags without.

use std::collections::{BTreeMap, BTreeSet};

use flagkit_core::source::Confirmation;
use flagkit_core::{Flag, FlagKey, Snapshot};

use super::approvers::BaseList;
use super::base::{Base, LastValid};
use crate::approvals::{InspectedFlag, Inspection};
use crate::gate::Gates;
use crate::progress::Progress;
use crate::project::{Definitions, Project};
use crate::state::State;

/// What decides about the approvals of the head: the base, with its list and its gates.
pub(super) struct Verified<'v> {
    pub(super) base: &'v Base,
    /// The name of the base.
    pub(super) name: &'v str,
    pub(super) list: &'v BaseList,
    pub(super) gates: &'v Gates,
}

impl Verified<'_> {
    /// Returns the flags of a project that are not approved, with the reasons, and the flags that are.
    ///
    /// The list is that of the base, and each gate is the stricter one of base and head. The approvals of a changed
    /// flag must be newer than those that the base knows.
    pub(super) fn flags(
        &self,
        head: &Project,
        env: Option<&str>,
        last_valid: &BTreeMap<String, LastValid>,
    ) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let snapshot = head.flags().snapshot();
        let requirement = |key: &str| self.gates.of(key).map(|(_, gate)| gate.requirement());
        let path = self.list.path.display();
        let reason = match &self.list.approvers {
            Ok(Some(approvers)) => {
                let inspection = Inspection::of(head, env, approvers, requirement);
                let before = self.base.project(env);
                let before = before.map(|project| Inspection::of(&project, env, approvers, requirement));
                let mut refusals = inspection.gated_refusals();
                let definitions = Definitions::of(head);
                for (key, serial) in inspection.gated_serials() {
                    let of_base = before.as_ref().and_then(|base| base.get(key)).and_then(InspectedFlag::last_serial);
                    let Some(known) = of_base
                        .max(self.base.last_serial(env, key, &head.state_document().name()))
                        .filter(|known| serial <= *known)
                    else {
                        continue;
                    };
                    let is_same = self.base.snapshot(env).flag(key) == snapshot.flag(key);
                    let valid = last_valid.get(key).filter(|valid| valid.definition == definitions.digest(key));
                    if !is_same && !valid.is_some_and(|valid| is_within(valid, &snapshot, key)) {
                        let name = self.name;
                        let reason =
                            format!("its approvals have the serial {serial}, and {name} has {known} already: a replay");
                        refusals.insert(key.to_owned(), reason);
                    }
                }
                let mut approved = inspection.gated_approved();
                approved.retain(|key| !refusals.contains_key(key));
                return (refusals, approved);
            }
            Ok(None) => format!("{} has no {path}", self.name),
            Err(reason) => format!("{path} at {}: {}", self.name, reason.lines().next().unwrap_or_default()),
        };
        let is_signed = |key: &str| {
            let of_head = snapshot.flag(key).and_then(Flag::approval_requirement);
            let gates = [requirement(key), of_head].into_iter().flatten();
            gates.map(|gate| gate.confirmation).any(|confirmation| confirmation > Confirmation::Terminal)
        };
        let keys = snapshot.keys().map(FlagKey::as_str).filter(|key| is_signed(key));
        (keys.map(|key| (key.to_owned(), reason.clone())).collect(), BTreeSet::new())
    }
}

/// Whether a flag is not wider than its last valid definition, which running programs still have.
fn is_within(valid: &LastValid, snapshot: &Snapshot, key: &str) -> bool {
    let flag = snapshot.flag(key);
    match Progress::of(flag) {
        Some(now) => valid.progress.is_some_and(|was| !now.is_beyond(was)),
        None => State::of(flag) <= valid.state,
    }
}
