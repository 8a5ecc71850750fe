//! Segments: conditions with a name, shared by flags.

use crate::condition::tracer::{Group, Witness};
use crate::condition::verdict::Verdict;
use crate::condition::{Condition, StringSet};
use crate::subject::Subject;

/// A group of subjects: by condition, and by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    included: StringSet,
    excluded: StringSet,
    condition: Option<Condition>,
}

impl Segment {
    /// Makes a segment to which nobody belongs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the condition under which a subject belongs to it.
    pub fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Sets the ids that belong to it whatever the condition says.
    pub fn with_included<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.included = StringSet::new(ids.into_iter().map(Into::into));
        self
    }

    /// Sets the ids that do not belong to it, even if they are included.
    pub fn with_excluded<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.excluded = StringSet::new(ids.into_iter().map(Into::into));
        self
    }

    /// Tells whether all who belong to this belong to the other.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        let condition = match (&self.condition, &other.condition) {
            (None, _) => true,
            (Some(condition), Some(other)) => condition.implies(other),
            (Some(_), None) => false,
        };
        condition && self.included.is_subset(&other.included) && other.excluded.is_subset(&self.excluded)
    }

    pub(crate) fn evaluate<S: Subject + ?Sized, W: Witness>(
        &self,
        name: &str,
        subject: &S,
        witness: &mut W,
    ) -> Verdict {
        witness.enter(Group::Segment(name));
        let verdict = if evaluate_id(&self.excluded, "excluded", subject, witness) == Verdict::Yes {
            Verdict::No
        } else if evaluate_id(&self.included, "included", subject, witness) == Verdict::Yes {
            Verdict::Yes
        } else {
            self.condition.as_ref().map_or(Verdict::No, |condition| condition.evaluate(subject, witness))
        };
        witness.leave(verdict);
        verdict
    }
}

/// Judges whether the subject's id is in the list. Nobody's is.
#[inline]
pub(crate) fn evaluate_id<S: Subject + ?Sized, W: Witness>(
    ids: &StringSet,
    list: &str,
    subject: &S,
    witness: &mut W,
) -> Verdict {
    let is_in = !ids.is_empty() && subject.id().is_some_and(|id| !id.is_empty() && ids.contains(id.as_bytes()));
    witness.id(ids.len(), list, is_in.into());
    is_in.into()
}
