//! Whether the approvals of a flag cover its state.

use flagkit_core::Flag;
use flagkit_core::source::{Approval, ApprovalRequirement, Digest};

use super::{Approvers, Refusal, Signature, State, Statement, definition_digest};

/// The approvals that cover the state of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// The serial that all counted approvals state.
    pub serial: u64,
    /// The approved state, which is at least as wide as the one of the flag.
    pub approved: State,
    /// The counted signatures, each by another person.
    pub signatures: Vec<Signature>,
}

/// How many approvals of one flag are verified. More are refused, so that no document keeps a processor busy.
const MAX_APPROVALS: usize = 50;

impl Approvers {
    /// Verifies the approvals of a flag, which inherits nothing, in an environment.
    ///
    /// Returns `None` for a flag that includes no subject: it needs no approval. `segment` returns the digest of a
    /// segment. Whether a newer approval exists is not part of it; a [`Verifier`](super::Verifier) remembers that.
    ///
    /// # Errors
    ///
    /// Returns the reason if the approvals do not cover the flag.
    pub fn cover(
        &self,
        environment: &str,
        key: &str,
        flag: &Flag,
        segment: impl Fn(&str) -> Option<Digest>,
    ) -> Result<Option<Coverage>, Refusal> {
        if includes_nobody(flag) { Ok(None) } else { self.coverage(environment, key, flag, segment).map(Some) }
    }

    /// Like [`cover`](Self::cover), also for a flag that includes no subject.
    pub(super) fn coverage(
        &self,
        environment: &str,
        key: &str,
        flag: &Flag,
        segment: impl Fn(&str) -> Option<Digest>,
    ) -> Result<Coverage, Refusal> {
        let state = State::of(flag);
        let releases = Release::all(flag.approvals());
        let mut refusal = None;
        match flag.approvals().len() {
            0 => return Err(Refusal::NoApproval { state: state.to_string() }),
            count if count > MAX_APPROVALS => return Err(Refusal::TooMany { count, max: MAX_APPROVALS }),
            _ => {}
        }
        for release in releases {
            let covered = release.approved_state(state).and_then(|approved| {
                let after = definition_digest(key, flag, &segment, release.to)?;
                let required = self.required(flag, release.requirement);
                let signatures = self.count(&release.approvals, required, |approval| {
                    Statement::of(environment, key, &after, approval)
                })?;
                Ok(Coverage { serial: release.serial, approved, signatures })
            });
            match covered {
                Ok(coverage) => return Ok(coverage),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        Err(refusal.unwrap_or(Refusal::NoApproval { state: state.to_string() }))
    }

    /// Returns what a flag needs: the strictest of this list, the gate in the document, and the signed gate.
    fn required(&self, flag: &Flag, signed: ApprovalRequirement) -> ApprovalRequirement {
        self.floor().strictest(signed).strictest(flag.approval_requirement().unwrap_or_default())
    }

    /// Returns the signatures of as many different people as required.
    fn count(
        &self,
        approvals: &[&Approval],
        required: ApprovalRequirement,
        statement: impl Fn(&Approval) -> Statement,
    ) -> Result<Vec<Signature>, Refusal> {
        let (mut counted, mut rejected): (Vec<Signature>, _) = (Vec::new(), Vec::new());
        for approval in approvals {
            let verified = self
                .verify(&statement(approval), &approval.signature)
                .and_then(|signature| meets(signature, required))
                .and_then(|signature| self.distinct(signature, &counted));
            match verified {
                Ok(signature) => counted.push(signature),
                Err(refusal) => rejected.push((approval.by.to_string(), refusal)),
            }
        }
        let required = required.humans as usize;
        if counted.len() < required {
            return Err(Refusal::TooFew { valid: counted.len(), required, rejected });
        }
        Ok(counted)
    }

    /// Returns the signature, if neither its person nor its key has been counted.
    fn distinct(&self, signature: Signature, counted: &[Signature]) -> Result<Signature, Refusal> {
        let is_same = |other: &&Signature| self.is_same_person(&signature.principal, &other.principal);
        match counted.iter().find(is_same) {
            None => Ok(signature),
            Some(other) if other.principal == signature.principal => Err(Refusal::SamePerson),
            Some(other) => Err(Refusal::SameKey { other: other.principal.clone() }),
        }
    }
}

/// The approvals of one release: their statements differ only in who approved, when, and what the person had verified.
struct Release<'a> {
    serial: u64,
    to: &'a str,
    before: &'a str,
    gate: &'a str,
    requirement: ApprovalRequirement,
    approvals: Vec<&'a Approval>,
}

impl<'a> Release<'a> {
    /// Returns the releases of these approvals, newest first.
    fn all(approvals: &'a [Approval]) -> Vec<Self> {
        let mut releases: Vec<Self> = Vec::new();
        for approval in approvals {
            let Approval { serial, to, before, gate, requirement, .. } = approval;
            let is_same = |release: &&mut Self| {
                (release.serial, release.to, release.before) == (*serial, to, before)
                    && (release.gate, release.requirement) == (gate, *requirement)
            };
            match releases.iter_mut().find(is_same) {
                Some(release) => release.approvals.push(approval),
                None => releases.push(Self {
                    serial: *serial,
                    to,
                    before,
                    gate,
                    requirement: *requirement,
                    approvals: vec![approval],
                }),
            }
        }
        releases.sort_by_key(|release| std::cmp::Reverse(release.serial));
        releases
    }

    /// Returns the approved state, if it covers the state of the flag.
    fn approved_state(&self, state: State) -> Result<State, Refusal> {
        let approved: State = self.to.parse()?;
        if approved.covers(state) {
            return Ok(approved);
        }
        Err(Refusal::Narrower { approved: approved.to_string(), state: state.to_string() })
    }
}

/// Returns the signature, if it confirms as strictly as required.
fn meets(signature: Signature, required: ApprovalRequirement) -> Result<Signature, Refusal> {
    use flagkit_core::source::Confirmation::{Touch, TouchAndPin};
    match (required.confirmation, signature.confirmation) {
        (required, given) if given >= required => Ok(signature),
        _ if !signature.is_by_hardware => Err(Refusal::NotAHardwareKey),
        (TouchAndPin, Touch) => Err(Refusal::NoPin),
        _ => Err(Refusal::NoTouch),
    }
}

/// Returns whether a flag needs no approval, because it includes no subject and serves no variant.
pub(super) fn includes_nobody(flag: &Flag) -> bool {
    let has_no_share = flag.rollout().millionths() == 0 && flag.rules().is_empty();
    match flag.stage() {
        Some(_) => State::of(flag).is_off(),
        None => flag.off_variant().is_none() && (!flag.is_enabled() || has_no_share),
    }
}
