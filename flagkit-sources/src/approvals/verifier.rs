//! The verification of flags, as the merge calls it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flagkit_core::Flag;
use flagkit_core::source::{Approvable, ApprovalVerifier, Digest};

use super::coverage::includes_nobody;
use super::definition::segments;
use super::marks::Marks;
use super::{Approvers, Coverage, Refusal, State};
use crate::error::Error;

/// Verifies the approvals of flags in one environment, and remembers the newest approval of each flag.
///
/// [`Builder::require_approvals`](crate::Builder::require_approvals) creates one. A program without a builder passes it
/// to [`Flags::require_approvals`](flagkit_core::Flags::require_approvals). Clones share what they remember.
///
/// A publish verifies only what changed: the result for a flag stays until its definition, its approvals or a segment
/// of its rules changes.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
/// use flagkit_core::source::Provenance;
/// use flagkit_sources::approvals::{Approvers, Verifier};
///
/// let list = "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
/// let flags = Flags::new();
/// flags.require_approvals(Verifier::new(Approvers::parse(list)?, "prod")?);
/// let set = FlagSet::from_iter([(FlagKey::new("new-checkout")?, Flag::on())]);
/// flags.add_layer(Provenance::new("database:flags")).publish(set);
///
/// let explanation = flags.explain("new-checkout", &());
/// assert_eq!(explanation.refusal(), Some("no approval of \"on\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    approvers: Approvers,
    environment: String,
    known: Mutex<Known>,
}

/// What a verifier remembers.
#[derive(Default)]
struct Known {
    marks: Marks,
    /// Whether the marks differ from those of the file.
    is_changed: bool,
    results: HashMap<String, Verified>,
    /// How often the approvals of a flag were verified.
    #[cfg(test)]
    verifications: usize,
}

/// The result for a flag, and everything that it depends on apart from the marks.
struct Verified {
    flag: Flag,
    segments: Vec<Option<Digest>>,
    result: Result<Coverage, Refusal>,
}

/// How many results are remembered. Keys that come and go would fill the memory otherwise.
const MAX_RESULTS: usize = 200_000;
/// The longest name of an environment.
const MAX_NAME: usize = 64;

impl Verifier {
    /// Creates a verifier that remembers nothing yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the name of the environment is not 1 to 64 letters, digits, `-`, `_` and `.`, or begins with
    /// a dot.
    pub fn new(approvers: Approvers, environment: &str) -> Result<Self, Error> {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(1..=MAX_NAME).contains(&environment.len())
            || !environment.bytes().all(is_valid)
            || environment.starts_with('.')
        {
            return Err(Error::environment(environment));
        }
        let (environment, known) = (environment.to_owned(), Mutex::default());
        Ok(Self { shared: Arc::new(Shared { approvers, environment, known }) })
    }

    /// Returns the list of approvers.
    pub fn approvers(&self) -> &Approvers {
        &self.shared.approvers
    }

    /// Returns the name of the environment.
    pub fn environment(&self) -> &str {
        &self.shared.environment
    }

    /// Adds marks that another process has stored.
    pub(super) fn remember(&self, marks: &Marks) {
        self.known().marks.merge(marks);
    }

    /// Returns the marks, if they changed since the last call.
    pub(super) fn changed_marks(&self) -> Option<Marks> {
        let mut known = self.known();
        std::mem::take(&mut known.is_changed).then(|| known.marks.clone())
    }

    /// Reports that the marks could not be stored, so that the next call returns them again.
    pub(super) fn keep_changed(&self) {
        self.known().is_changed = true;
    }

    /// Ignores poisoning, because no code under this lock panics halfway through a change.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the coverage of a flag. Verifies its signatures only if anything changed since the last time.
    fn coverage(&self, known: &mut Known, flag: &Approvable<'_>) -> Result<Coverage, Refusal> {
        let key = flag.key().as_str();
        let segments: Vec<_> = segments(flag.flag()).into_iter().map(|name| flag.segment(name)).collect();
        if let Some(verified) = known.results.get(key) {
            if verified.flag == *flag.flag() && verified.segments == segments {
                return verified.result.clone();
            }
        }
        #[cfg(test)]
        {
            known.verifications += 1;
        }
        let Shared { approvers, environment, .. } = &*self.shared;
        let result = approvers.coverage(environment, key, flag.flag(), |name| flag.segment(name));
        if known.results.len() >= MAX_RESULTS {
            known.results.clear();
        }
        if result.as_ref().err().is_some_and(Refusal::depends_on_the_clock) {
            known.results.remove(key);
        } else {
            let verified = Verified { flag: flag.flag().clone(), segments, result: result.clone() };
            known.results.insert(key.to_owned(), verified);
        }
        result
    }

    /// Accepts or refuses a flag, and records its state.
    fn accept(&self, flag: &Approvable<'_>) -> Result<(), Refusal> {
        let (key, state) = (flag.key().as_str(), State::of(flag.flag()));
        let is_off = includes_nobody(flag.flag());
        let known = &mut *self.known();
        if is_off && (flag.flag().approvals().is_empty() || !flag.is_settled()) {
            known.is_changed |= flag.is_settled() && known.marks.lower(key, state);
            return Ok(());
        }
        let accepted = self.coverage(known, flag).and_then(|coverage| {
            known.marks.check(key, coverage.serial, state)?;
            // While a layer is missing, the flag may be wider than this in a moment.
            let allowed = if flag.is_settled() { state } else { coverage.approved };
            known.is_changed |= known.marks.accept(key, coverage.serial, allowed);
            Ok(())
        });
        if is_off {
            known.is_changed |= known.marks.lower(key, state);
            return Ok(());
        }
        accepted
    }
}

impl ApprovalVerifier for Verifier {
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
        self.accept(flag).map_err(|refusal| refusal.to_string().into())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { approvers, environment, .. } = &*self.shared;
        f.debug_struct("Verifier")
            .field("approvers", approvers)
            .field("environment", environment)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use flagkit_core::source::{Approval, ApprovalRequirement, Provenance, Reference, Rule, Segment};
    use flagkit_core::{FlagKey, FlagSet, Flags};

    use super::*;

    const LIST: &str = "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn flag(to: &str) -> Flag {
        let digest: Box<str> = format!("sha256:{:064}", 0).into();
        let approval = Approval {
            by: "alice".into(),
            at: "2026-01-31T10:03:11Z".into(),
            to: to.into(),
            serial: 1,
            before: digest.clone(),
            release: None,
            checks: None,
            gate: digest,
            requirement: ApprovalRequirement::default(),
            signature: "none".into(),
        };
        let rule = Rule::new().with_segments([Reference::new("testers")]);
        Flag::on().with_rules([rule]).with_digest([1; 32]).with_approvals([approval])
    }

    fn set(flag: Flag, segment: u8, other: Flag) -> FlagSet {
        let key = |key: &str| FlagKey::new(key).expect("a key");
        let mut set = FlagSet::from_iter([(key("new-checkout"), flag), (key("other"), other)]);
        set.insert_segment("testers", Segment::new().with_included(["u1"]).with_digest([segment; 32]));
        set
    }

    #[test]
    fn a_publish_verifies_only_what_changed() {
        let verifier = Verifier::new(Approvers::parse(LIST).expect("valid"), "prod").expect("valid");
        let flags = Flags::new();
        flags.require_approvals(verifier.clone());
        let layer = flags.add_layer(Provenance::new("test:"));
        for (set, verifications) in [
            (set(flag("on"), 1, Flag::off()), 1),
            (set(flag("on"), 1, Flag::off()), 1),
            (set(flag("on"), 1, Flag::off().with_salt("x")), 1),
            (set(flag("on"), 2, Flag::off()), 2),
            (set(flag("50%"), 2, Flag::off()), 3),
            (set(flag("50%").with_salt("x"), 2, Flag::off()), 4),
            (set(flag("50%").with_salt("x"), 2, Flag::off()), 4),
        ] {
            layer.publish(set);
            assert_eq!(verifier.known().verifications, verifications);
        }
        let refusal = flags.explain("new-checkout", &()).refusal().map(str::to_owned);
        assert_eq!(refusal.as_deref(), Some("an approval of \"50%\", which does not cover \"on\""));
    }
}
