//! Segments: named groups of subjects that flags share.

use crate::condition::tracer::{Span, Tracer};
use crate::condition::verdict::Verdict;
use crate::condition::{Condition, StringSet};
use crate::subject::Subject;

/// A group of subjects, defined by a condition and by lists of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    included: StringSet,
    excluded: StringSet,
    condition: Option<Condition>,
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

    /// Returns whether every subject of this segment is also in the other, as far as that can be proven.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        let condition = match (&self.condition, &other.condition) {
            (None, _) => true,
            (Some(condition), Some(other)) => condition.implies(other),
            (Some(_), None) => false,
        };
        condition && self.included.is_subset(&other.included) && other.excluded.is_subset(&self.excluded)
    }

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
