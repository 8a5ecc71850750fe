//! The tracer of a whole flag: the steps that conditions do not have.

use crate::bucketing::bucket::Point;
use crate::condition::tracer::Tracer;
use crate::evaluate::reason::Reason;

/// Observes the evaluation of a flag. Every `enter_flag` is matched by a `leave_flag`.
///
/// The evaluator calls it. Reads pass `()`, which does nothing; an explanation passes its recorder.
pub(crate) trait FlagTracer: Tracer {
    /// Reports that a prerequisite is about to be evaluated.
    fn enter_flag(&mut self, key: &str) {
        let _ = key;
    }

    /// Reports the result of the latest open prerequisite.
    fn leave_flag(&mut self, on: bool, reason: Reason) {
        let _ = (on, reason);
    }

    /// Reports the variant that was assigned by weight. `point` is `None` if nothing was hashed, because one variant
    /// has all the weight. Both are `None` if the subject lacks the value to hash.
    fn variant_assigned(&mut self, point: Option<Point>, variant: Option<&str>) {
        let _ = (point, variant);
    }
}

impl FlagTracer for () {}
