//! Segments: named groups of subjects that flags share.
//!
//! # The problem
//!
//! Many flags target the same groups: employees, testers, customers in one country. Each flag could repeat the list,
//! but then a change of the group is a change of many flags, and one of them is forgotten.
//!
//! # The idea
//!
//! A layer declares the group once, under a name, and rules refer to the name. The merge replaces each name by the
//! segment itself, so evaluation looks up nothing. All flags of a snapshot share one copy of the segment.
//!
//! # How it works
//!
//! A segment checks three things, and the first that applies decides:
//!
//! 1. An excluded id is not in the segment.
//! 2. An included id is in the segment.
//! 3. Every other subject is in the segment if it meets the condition. Without a condition, it is not.
//!
//! So a list corrects the condition for single subjects, and an exclusion always wins.

use crate::condition::tracer::{Span, Tracer};
use crate::condition::verdict::Verdict;
use crate::condition::{Condition, StringSet};
use crate::model::approval::Digest;
use crate::subject::Subject;

/// A group of subjects, defined by a condition and by lists of ids.
///
/// A segment has no name of its own: [`FlagSet::insert_segment`](crate::FlagSet::insert_segment) gives it one. A higher
/// layer that declares the same name replaces the segment as a whole.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::{Reference, Rule, Segment};
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
///
/// let mut set = FlagSet::new();
/// set.insert_segment("testers", Segment::new().with_included(["u1", "u2"]).with_excluded(["u2"]));
/// let for_testers = Rule::new().with_segments([Reference::new("testers")]);
/// set.insert(FlagKey::new("search-v2")?, Flag::on().with_rollout("0".parse()?).with_rules([for_testers]));
///
/// let flags = Flags::fixed(set);
/// assert!(flags.is_on("search-v2", "u1"));
/// assert!(!flags.is_on("search-v2", "u2"));
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    included: StringSet,
    excluded: StringSet,
    condition: Option<Condition>,
    digest: Option<Digest>,
}

impl Segment {
    /// Returns an empty segment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the condition that subjects of the segment meet.
    pub fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Sets the ids that belong to the segment, whether or not they meet the condition.
    pub fn with_included<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.included = StringSet::new(ids.into_iter().map(Into::into));
        self
    }

    /// Sets the ids that do not belong to the segment, even if they are included or meet the condition.
    pub fn with_excluded<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.excluded = StringSet::new(ids.into_iter().map(Into::into));
        self
    }

    /// Sets the digest of the declaration. Without one, an approval cannot cover a flag that refers to the segment.
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Returns the digest of the declaration, if it is known.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Returns whether every subject of this segment is also in the other, as far as that can be proven.
    ///
    /// `false` may only mean that there is no proof: two conditions can be equivalent and look different. The proof
    /// that a change narrows a flag uses this.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        let condition = match (&self.condition, &other.condition) {
            (None, _) => true,
            (Some(condition), Some(other)) => condition.implies(other),
            (Some(_), None) => false,
        };
        condition && self.included.is_subset(&other.included) && other.excluded.is_subset(&self.excluded)
    }

    /// Evaluates the segment for a subject, and reports each step to the tracer under the name of the segment.
    pub(crate) fn evaluate<S: Subject + ?Sized, T: Tracer>(&self, name: &str, subject: &S, tracer: &mut T) -> Verdict {
        tracer.enter(Span::Segment(name));
        let verdict = if evaluate_id(&self.excluded, "excluded", subject, tracer) == Verdict::Yes {
            Verdict::No
        } else if evaluate_id(&self.included, "included", subject, tracer) == Verdict::Yes {
            Verdict::Yes
        } else {
            self.condition.as_ref().map_or(Verdict::No, |condition| condition.evaluate(subject, tracer))
        };
        tracer.leave(verdict);
        verdict
    }
}

/// Returns whether the subject's id is in the list. A subject without an id, or with an empty one, is in no list.
///
/// `list` is what an explanation calls the list. Segments use this for both of their lists, and rules for theirs. The
/// verdict is never unknown, because a missing id is a definite answer.
#[inline]
pub(crate) fn evaluate_id<S: Subject + ?Sized, T: Tracer>(
    ids: &StringSet,
    list: &str,
    subject: &S,
    tracer: &mut T,
) -> Verdict {
    let is_in = !ids.is_empty() && subject.id().is_some_and(|id| !id.is_empty() && ids.contains(id.as_bytes()));
    tracer.id(ids.len(), list, is_in.into());
    is_in.into()
}
