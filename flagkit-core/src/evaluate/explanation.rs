//! An answer with every step on the way to it.

use std::fmt;

use crate::bucketing::bucket::Point;
use crate::condition::tracer::{Group, Witness};
use crate::condition::verdict::{Look, Verdict};
use crate::evaluate::evaluation::Evaluation;
use crate::evaluate::reason::Reason;
use crate::model::problem::printable;
use crate::subject::value::Value;

/// Everything that was looked at to answer a question, and what came of it.
///
/// Displays as indented text. With the feature `serde` it serialises to the same as a structure: `key`, `on`, `reason`
/// (a word), for a rollout `point` and `threshold`, `rule`, `variant`, `layer`, `revision`, `prerequisite` and `steps`. A
/// step has `requires`, `on`, `reason` (with `point` and `threshold` as above) and `steps`; or `what`, `verdict` and `steps`; or
/// `attribute`, `operator`, `seen` and `verdict`; or `dealt` (a variant) and `point`.
///
/// It holds the values of attributes: treat it as you treat those.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    key: Box<str>,
    evaluation: Evaluation,
    steps: Vec<Step>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// A flag that is required, and how it was answered.
    Required {
        /// Its key.
        key: String,
        /// Whether it is on for the subject.
        on: bool,
        /// Why.
        reason: Reason,
        /// Its own steps.
        steps: Vec<Step>,
    },
    /// A rule, a segment, or conditions of which all or any must hold.
    Group {
        /// What it is, for people: `rule 0 "staff"`, `segment "staff"`, `all of`, `any of`.
        what: String,
        /// What came of it.
        verdict: Verdict,
        /// What it consists of. Parts that were not needed are judged all the same.
        steps: Vec<Step>,
    },
    /// A test of an attribute, or of the id.
    Test {
        /// The attribute, or `id`.
        attribute: String,
        /// The test, for people: `is one of ["PT", "ES"]`.
        operator: String,
        /// The value that was seen, as in a document. `None` when there was none, and for ids.
        seen: Option<String>,
        /// What came of it.
        verdict: Verdict,
    },
    /// A variant that was dealt by weight.
    VariantAssigned {
        /// Its name.
        variant: String,
        /// Where the subject stands on the second line.
        point: Point,
    },
}

impl Explanation {
    /// Returns the key that was asked for.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the answer.
    pub fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    /// Returns the steps, in the order in which they were taken.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is {}", self.key, self.evaluation)?;
        self.steps.iter().try_for_each(|step| step.write(f, 1))
    }
}

impl Step {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:1$}", "", depth * 2)?;
        let steps = match self {
            Self::Required { key, on, reason, steps } => {
                writeln!(f, "requires {key}: {}, {reason}", if *on { "on" } else { "off" })?;
                steps.as_slice()
            }
            Self::Group { what, verdict, steps } => {
                writeln!(f, "{what}: {}", verdict.as_str())?;
                steps
            }
            Self::Test { attribute, operator, seen, verdict } => {
                write!(f, "{attribute} {operator}: {}", verdict.as_str())?;
                match seen {
                    Some(seen) => writeln!(f, ", it is {seen}")?,
                    None if attribute == "id" => writeln!(f)?,
                    None => writeln!(f, ", there is none")?,
                }
                &[]
            }
            Self::VariantAssigned { variant, point } => {
                writeln!(f, "variant {variant}: dealt by the second point, {point}")?;
                &[]
            }
        };
        steps.iter().try_for_each(|step| step.write(f, depth + 1))
    }
}

/// Writes the steps down.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    steps: Vec<Step>,
    /// What has been entered and not left, and the steps before it on its level.
    open: Vec<(String, Vec<Step>)>,
}

impl Recorder {
    pub(crate) fn explain(self, key: &str, evaluation: Evaluation) -> Explanation {
        Explanation { key: printable(key.to_owned()), evaluation, steps: self.steps }
    }

    fn close(&mut self, make: impl FnOnce(String, Vec<Step>) -> Step) {
        if let Some((what, before)) = self.open.pop() {
            let inner = std::mem::replace(&mut self.steps, before);
            self.steps.push(make(what, inner));
        }
    }
}

impl Witness for Recorder {
    const LOOK: Look = Look::AtAll;

    fn test(&mut self, attribute: &str, test: &dyn fmt::Display, seen: Option<Value<'_>>, verdict: Verdict) {
        self.steps.push(Step::Test {
            attribute: printable(attribute.to_owned()).into(),
            operator: test.to_string(),
            seen: seen.map(|value| value.to_string()),
            verdict,
        });
    }

    fn id(&mut self, len: usize, list: &str, verdict: Verdict) {
        // An empty list of a segment is one that it does not have.
        if len == 0 && list != "listed" {
            return;
        }
        let operator = format!("is one of {len} {list}");
        self.steps.push(Step::Test { attribute: "id".to_owned(), operator, seen: None, verdict });
    }

    fn dealt(&mut self, point: Point, variant: &str) {
        self.steps.push(Step::VariantAssigned { variant: variant.to_owned(), point });
    }

    fn enter(&mut self, group: Group<'_>) {
        let what = match group {
            Group::All => "all of".to_owned(),
            Group::Any => "any of".to_owned(),
            Group::Segment(name) => format!("segment {name:?}"),
            Group::Rule(index, Some(name)) => format!("rule {index} {name:?}"),
            Group::Rule(index, None) => format!("rule {index}"),
            Group::Required(key) => printable(key.to_owned()).into(),
        };
        self.open.push((what, std::mem::take(&mut self.steps)));
    }

    fn leave(&mut self, verdict: Verdict) {
        self.close(|what, steps| Step::Group { what, verdict, steps });
    }

    fn leave_flag(&mut self, on: bool, reason: Reason) {
        self.close(|key, steps| Step::Required { key, on, reason, steps });
    }
}

#[cfg(feature = "serde")]
mod ser {
    //! An explanation as the output of serde.

    use serde_core::ser::{Serialize, SerializeMap, Serializer};

    use super::{Explanation, Step};
    use crate::evaluate::reason::Reason;

    impl Serialize for Explanation {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let evaluation = &self.evaluation;
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("key", &self.key)?;
            map.serialize_entry("on", &evaluation.is_on())?;
            serialize_reason(&mut map, evaluation.reason())?;
            map.serialize_entry("prerequisite", &evaluation.prerequisite())?;
            map.serialize_entry("rule", &evaluation.rule())?;
            map.serialize_entry("variant", &evaluation.variant().map(|variant| variant.name().to_owned()))?;
            map.serialize_entry("layer", &evaluation.layer().map(ToString::to_string))?;
            map.serialize_entry("revision", &evaluation.revision())?;
            map.serialize_entry("steps", &self.steps)?;
            map.end()
        }
    }

    fn serialize_reason<M: SerializeMap>(map: &mut M, reason: Reason) -> Result<(), M::Error> {
        map.serialize_entry("reason", reason.as_str())?;
        if let Reason::Rollout { point, threshold } = reason {
            map.serialize_entry("point", &point.to_bits())?;
            map.serialize_entry("threshold", &threshold.to_bits())?;
        }
        Ok(())
    }

    impl Serialize for Step {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            match self {
                Self::Required { key, on, reason, steps } => {
                    map.serialize_entry("requires", key)?;
                    map.serialize_entry("on", on)?;
                    serialize_reason(&mut map, *reason)?;
                    map.serialize_entry("steps", steps)?;
                }
                Self::Group { what, verdict, steps } => {
                    map.serialize_entry("what", what)?;
                    map.serialize_entry("verdict", verdict.as_str())?;
                    map.serialize_entry("steps", steps)?;
                }
                Self::Test { attribute, operator, seen, verdict } => {
                    map.serialize_entry("attribute", attribute)?;
                    map.serialize_entry("operator", operator)?;
                    map.serialize_entry("seen", seen)?;
                    map.serialize_entry("verdict", verdict.as_str())?;
                }
                Self::VariantAssigned { variant, point } => {
                    map.serialize_entry("dealt", variant)?;
                    map.serialize_entry("point", &point.to_bits())?;
                }
            }
            map.end()
        }
    }
}
