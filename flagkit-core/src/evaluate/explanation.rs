//! Explanations: an answer with every step of its evaluation.
//!
//! # The problem
//!
//! An operator has to find out why a user does not see a feature. The answer and its reason do not show which condition
//! failed, or which value the subject had.
//!
//! # How it works
//!
//! `Recorder` is a tracer that builds a tree of steps. It keeps a stack of open spans. A span that opens puts the steps
//! of its level aside, and a span that closes becomes one step of that level again. Reads use the same evaluator, so an
//! explanation never differs from the answer.

use std::fmt;
use std::sync::Arc;

use crate::bucketing::bucket::Point;
use crate::condition::tracer::{Span, Tracer};
use crate::condition::verdict::Verdict;
use crate::evaluate::evaluation::Evaluation;
use crate::evaluate::flag_tracer::FlagTracer;
use crate::evaluate::reason::Reason;
use crate::model::problem::escape_control_chars;
use crate::model::{Part, Provenance};
use crate::subject::value::Value;

/// An answer with every step of its evaluation.
///
/// `Display` writes indented text. With the feature `serde` it serializes to the same information as a map: `key`,
/// `on`, `reason` (a word), `rule`, `variant`, `layer`, `revision`, `prerequisite` and `steps`. A rollout adds `point`
/// and `threshold`, and a migration its `stage`. A flag without valid approvals adds `refusal`, and one that
/// [inherits](crate::Flag::inherit) adds `parts`, a map from each part to its layer.
///
/// | step | keys |
/// |---|---|
/// | a prerequisite | `requires`, `on`, `reason` (with `point` and `threshold` as above), `steps` |
/// | a rule, a segment, or combined conditions | `name`, `verdict`, `steps` |
/// | one operator, or a list of ids | `attribute`, `operator`, `actual`, `verdict` |
/// | a variant assigned by weight | `variant`, `point` (each may be null) |
///
/// An explanation contains the values of attributes. Protect it like the attributes themselves.
///
/// # Examples
///
/// ```
/// use flagkit_core::Flags;
///
/// let explanation = Flags::new().snapshot().explain("new-checkout", "user-1");
/// assert_eq!(explanation.key(), "new-checkout");
/// assert!(!explanation.evaluation().is_on());
/// assert!(explanation.steps().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    key: Box<str>,
    evaluation: Evaluation,
    /// Why the flag is not approved.
    refusal: Option<Arc<str>>,
    /// Empty unless the flag inherits.
    parts: Vec<(Part, Provenance)>,
    steps: Vec<Step>,
}

/// One step of an evaluation.
///
/// Steps form a tree: a prerequisite contains the steps of its own evaluation, and a group contains its parts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// A prerequisite and its result.
    Prerequisite {
        /// The key of the prerequisite.
        key: String,
        /// Whether the prerequisite is on for the subject.
        on: bool,
        /// The reason of that result.
        reason: Reason,
        /// The steps of its evaluation.
        steps: Vec<Step>,
    },
    /// A rule, a segment, or conditions of which all or any must be met.
    Group {
        /// The name for people: `rule 0 "staff"`, `segment "staff"`, `all of`, `any of`.
        name: String,
        /// The combined verdict.
        verdict: Verdict,
        /// The parts. Parts that could not change the verdict are evaluated too.
        steps: Vec<Step>,
    },
    /// An operator applied to an attribute, or a list of ids.
    Criterion {
        /// The attribute, or `id`.
        attribute: String,
        /// The operator for people: `is one of ["PT", "ES"]`.
        operator: String,
        /// The subject's value, as a document spells it. `None` if the subject has none, and for ids.
        actual: Option<String>,
        /// The verdict.
        verdict: Verdict,
    },
    /// A variant that was assigned by weight, or the reason why there is none.
    VariantAssigned {
        /// The name of the variant. `None` if the subject lacks the value to hash.
        variant: Option<String>,
        /// The subject's point for variants. `None` if nothing was hashed: one variant has all the weight, or the
        /// subject lacks the value to hash.
        point: Option<Point>,
    },
}

impl Explanation {
    /// Returns the key that was evaluated.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the answer.
    pub fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    /// Returns why the flag is not approved. `None` if it is, or if no approval is required.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Returns the parts of a flag that [inherits](crate::Flag::inherit), each with the layer it comes from. Empty if
    /// the whole flag comes from one layer.
    pub fn parts(&self) -> &[(Part, Provenance)] {
        &self.parts
    }

    /// Returns the steps in the order of evaluation.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Displays the answer, then the layers of inherited parts, then one line per step, indented by depth.
///
/// ```text
/// search is on: on for every subject it applies to, by rule 0, from flags.toml (revision 3)
///   rule 0 "staff": yes
///     plan is one of ["beta", "staff"]: yes, got "beta"
/// ```
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is {}", self.key, self.evaluation)?;
        if let Some(refusal) = &self.refusal {
            writeln!(f, "  not approved: {refusal}")?;
        }
        let mut rest: Vec<&(Part, Provenance)> = self.parts.iter().collect();
        while let Some((_, layer)) = rest.first() {
            let (here, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, other)| other == layer);
            let names: Vec<&str> = here.iter().map(|(part, _)| part.as_str()).collect();
            writeln!(f, "  {} from {layer}", names.join(", "))?;
            rest = others;
        }
        self.steps.iter().try_for_each(|step| step.write(f, 1))
    }
}

impl Step {
    /// Returns the steps inside this one. Empty for a step without parts.
    pub fn steps(&self) -> &[Self] {
        match self {
            Self::Prerequisite { steps, .. } | Self::Group { steps, .. } => steps,
            Self::Criterion { .. } | Self::VariantAssigned { .. } => &[],
        }
    }

    /// Writes the step and the steps inside it, indented by two spaces per level.
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        writeln!(f, "{:1$}{self}", "", depth * 2)?;
        self.steps().iter().try_for_each(|step| step.write(f, depth + 1))
    }
}

/// Displays the step as one line, without the steps inside it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prerequisite { key, on, reason, .. } => {
                write!(f, "requires {key}: {}, {reason}", if *on { "on" } else { "off" })
            }
            Self::Group { name, verdict, .. } => write!(f, "{name}: {}", verdict.as_str()),
            Self::Criterion { attribute, operator, actual, verdict } => {
                write!(f, "{attribute} {operator}: {}", verdict.as_str())?;
                match actual {
                    Some(actual) => write!(f, ", got {actual}"),
                    None if attribute == "id" => Ok(()),
                    None => write!(f, ", got no value"),
                }
            }
            Self::VariantAssigned { variant: Some(variant), point: Some(point) } => {
                write!(f, "variant {variant}: assigned by point {point}")
            }
            Self::VariantAssigned { variant: Some(variant), point: None } => {
                write!(f, "variant {variant}: it has all the weight")
            }
            Self::VariantAssigned { variant: None, .. } => {
                f.write_str("no variant: the subject lacks the value to hash")
            }
        }
    }
}

/// The tracer that records steps for an explanation.
///
/// `Snapshot::explain` makes one, passes it to the evaluator, and turns it into the explanation.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    steps: Vec<Step>,
    /// The open spans, each with its name and the steps before it on its level.
    open_spans: Vec<(String, Vec<Step>)>,
}

impl Recorder {
    /// Returns the explanation. The key may come from outside of the program, so its control characters are escaped.
    pub(crate) fn explain(
        self,
        key: &str,
        evaluation: Evaluation,
        refusal: Option<Arc<str>>,
        parts: Vec<(Part, Provenance)>,
    ) -> Explanation {
        Explanation { key: escape_control_chars(key.to_owned()), evaluation, refusal, parts, steps: self.steps }
    }

    /// Opens a span: the next steps are inside it.
    fn open(&mut self, name: String) {
        self.open_spans.push((name, std::mem::take(&mut self.steps)));
    }

    /// Closes the latest open span. `make` turns its name and its steps into one step.
    fn close(&mut self, make: impl FnOnce(String, Vec<Step>) -> Step) {
        if let Some((name, before)) = self.open_spans.pop() {
            let inner = std::mem::replace(&mut self.steps, before);
            self.steps.push(make(name, inner));
        }
    }
}

/// Exhaustive, so that the tree shows every condition of a rule, also those after the first that is not met.
impl Tracer for Recorder {
    const EXHAUSTIVE: bool = true;

    fn criterion(&mut self, attribute: &str, operator: &dyn fmt::Display, actual: Option<Value<'_>>, verdict: Verdict) {
        self.steps.push(Step::Criterion {
            attribute: escape_control_chars(attribute.to_owned()).into(),
            operator: operator.to_string(),
            actual: actual.map(|value| value.to_string()),
            verdict,
        });
    }

    fn id(&mut self, len: usize, list: &str, verdict: Verdict) {
        // A segment without included or excluded ids has an empty list, which explains nothing.
        if len == 0 && list != "listed" {
            return;
        }
        let operator = format!("is one of {len} {list}");
        self.steps.push(Step::Criterion { attribute: "id".to_owned(), operator, actual: None, verdict });
    }

    fn enter(&mut self, span: Span<'_>) {
        let name = match span {
            Span::All => "all of".to_owned(),
            Span::Any => "any of".to_owned(),
            Span::Segment(name) => format!("segment {name:?}"),
            Span::Rule(index, Some(name)) => format!("rule {index} {name:?}"),
            Span::Rule(index, None) => format!("rule {index}"),
        };
        self.open(name);
    }

    fn leave(&mut self, verdict: Verdict) {
        self.close(|name, steps| Step::Group { name, verdict, steps });
    }
}

/// A prerequisite is a span too, so the steps of its evaluation are inside its own step.
impl FlagTracer for Recorder {
    fn enter_flag(&mut self, key: &str) {
        self.open(escape_control_chars(key.to_owned()).into());
    }

    fn leave_flag(&mut self, on: bool, reason: Reason) {
        self.close(|key, steps| Step::Prerequisite { key, on, reason, steps });
    }

    fn variant_assigned(&mut self, point: Option<Point>, variant: Option<&str>) {
        self.steps.push(Step::VariantAssigned { variant: variant.map(ToOwned::to_owned), point });
    }
}

#[cfg(feature = "serde")]
mod ser {
    //! Serialization of explanations.

    use serde_core::ser::{Serialize, SerializeMap, Serializer};

    use super::{Explanation, Step};
    use crate::bucketing::bucket::Point;
    use crate::evaluate::reason::Reason;
    use crate::model::{Part, Provenance};

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
            if let Some(refusal) = self.refusal() {
                map.serialize_entry("refusal", refusal)?;
            }
            if !self.parts.is_empty() {
                map.serialize_entry("parts", &Parts(&self.parts))?;
            }
            map.serialize_entry("steps", &self.steps)?;
            map.end()
        }
    }

    /// Parts as a map from the part to its layer.
    ///
    /// The keys keep the order of the explanation.
    struct Parts<'a>(&'a [(Part, Provenance)]);

    impl Serialize for Parts<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(part, layer)| (part.as_str(), layer.as_str())))
        }
    }

    /// Serializes the word of a reason. A rollout adds its numbers as separate keys, so that no program has to parse a
    /// text.
    fn serialize_reason<M: SerializeMap>(map: &mut M, reason: Reason) -> Result<(), M::Error> {
        map.serialize_entry("reason", reason.as_str())?;
        if let Reason::Rollout { point, threshold } = reason {
            map.serialize_entry("point", &point.to_bits())?;
            map.serialize_entry("threshold", &threshold.to_bits())?;
        }
        if let Reason::Migration { stage } = reason {
            map.serialize_entry("stage", stage.as_str())?;
        }
        Ok(())
    }

    impl Serialize for Step {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            match self {
                Self::Prerequisite { key, on, reason, steps } => {
                    map.serialize_entry("requires", key)?;
                    map.serialize_entry("on", on)?;
                    serialize_reason(&mut map, *reason)?;
                    map.serialize_entry("steps", steps)?;
                }
                Self::Group { name, verdict, steps } => {
                    map.serialize_entry("name", name)?;
                    map.serialize_entry("verdict", verdict.as_str())?;
                    map.serialize_entry("steps", steps)?;
                }
                Self::Criterion { attribute, operator, actual, verdict } => {
                    map.serialize_entry("attribute", attribute)?;
                    map.serialize_entry("operator", operator)?;
                    map.serialize_entry("actual", actual)?;
                    map.serialize_entry("verdict", verdict.as_str())?;
                }
                Self::VariantAssigned { variant, point } => {
                    map.serialize_entry("variant", variant)?;
                    map.serialize_entry("point", &point.map(Point::to_bits))?;
                }
            }
            map.end()
        }
    }
}
