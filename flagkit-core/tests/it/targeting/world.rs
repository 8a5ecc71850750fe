//! Random flags, segments and subjects for the properties of targeting.

use flagkit_core::source::{Condition, Literal, Operator, Reference, Rule, Segment};
use flagkit_core::{Attribute, Context, Evaluation, Flag, FlagSet, Flags, Percent, Value, Variant, Variants};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::key;

pub(super) const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
pub(super) const SEGMENTS: [&str; 3] = ["staff", "press", "nowhere"];
pub(super) const ATTRIBUTES: [&str; 6] = ["country", "version", "address", "since", "seats", "beta"];
pub(super) const VARIANTS: [&str; 3] = ["blue", "green", "red"];
pub(super) const IDS: [&str; 6] = ["u0", "u1", "u2", "u3", "17", ""];
/// Texts of every form that an operator accepts, and of none.
pub(super) const TEXTS: [&str; 10] = [
    "",
    "PT",
    "ES",
    "2.3.1",
    "1.0.0-beta",
    "10.1.2.3",
    "::1",
    "2026-11-20T12:00:00Z",
    "2027-01-01T00:00:00+01:00",
    "x",
];

/// The value of an attribute, of any kind. Lists may be nested and have missing elements.
#[derive(Clone, Debug)]
pub(super) enum AnyValue {
    Nothing,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'static str),
    List(Vec<Self>),
}

impl Attribute for AnyValue {
    fn value(&self) -> Option<Value<'_>> {
        match self {
            Self::Nothing => None,
            Self::Bool(value) => Some(Value::Bool(*value)),
            Self::Integer(value) => value.value(),
            Self::Float(value) => Some(Value::Float(*value)),
            Self::Text(value) => Some(Value::Text(value)),
            Self::List(values) => Some(Value::List(values)),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: Option<&'static str>,
    pub(super) attributes: Vec<(&'static str, AnyValue)>,
}

impl User {
    pub(super) fn context(&self) -> Context {
        let context = self.id.map_or_else(Context::anonymous, Context::new);
        self.attributes.iter().fold(context, |context, (name, value)| context.with(name, value))
    }
}

#[derive(Clone, Debug)]
pub(super) struct RuleParts {
    pub(super) subjects: Option<Vec<&'static str>>,
    pub(super) segments: Vec<&'static str>,
    pub(super) condition: Option<Condition>,
    pub(super) rollout: Percent,
    pub(super) by: Option<&'static str>,
    pub(super) variant: Option<&'static str>,
}

impl RuleParts {
    pub(super) fn rule(&self) -> Rule {
        let rule = Rule::new().with_rollout(self.rollout);
        let rule = if self.segments.is_empty() {
            rule
        } else {
            rule.with_segments(self.segments.iter().map(|name| Reference::new(name)))
        };
        let rule = self.subjects.iter().fold(rule, |rule, ids| rule.with_subjects(ids.iter().copied()));
        let rule = self.condition.iter().fold(rule, |rule, condition| rule.when(condition.clone()));
        let rule = self.by.iter().fold(rule, |rule, by| rule.with_bucket_by(by));
        self.variant.iter().fold(rule, |rule, variant| rule.with_variant(variant))
    }
}

#[derive(Clone, Debug)]
pub(super) struct FlagParts {
    pub(super) on: bool,
    pub(super) rollout: Percent,
    pub(super) by: Option<&'static str>,
    pub(super) requires: Vec<&'static str>,
    pub(super) rules: Vec<RuleParts>,
    /// In the order of `VARIANTS`.
    pub(super) weights: Option<[u64; 3]>,
}

impl FlagParts {
    pub(super) fn flag(&self) -> Flag {
        let flag = if self.on { Flag::on() } else { Flag::off() };
        let flag = flag
            .with_rollout(self.rollout)
            .with_prerequisites(self.requires.iter().map(|key| Reference::new(key)))
            .with_rules(self.rules.iter().map(RuleParts::rule));
        let flag = self.by.iter().fold(flag, |flag, by| flag.with_bucket_by(by));
        self.weights.iter().fold(flag, |flag, weights| {
            let weights = VARIANTS.iter().map(|name| Variant::new(name)).zip(weights.iter().copied());
            flag.with_variants(Variants::new(weights).expect("variants"))
        })
    }
}

#[derive(Clone, Debug)]
pub(super) struct World {
    /// In the order of `KEYS`.
    pub(super) flags: Vec<FlagParts>,
    /// In the order of `SEGMENTS`. The last one is not declared.
    pub(super) segments: Vec<Option<Segment>>,
}

impl World {
    pub(super) fn set(&self) -> FlagSet {
        let mut set: FlagSet = KEYS.iter().zip(&self.flags).map(|(key, flag)| (self::key(key), flag.flag())).collect();
        for (name, segment) in SEGMENTS.iter().zip(&self.segments) {
            match segment {
                Some(segment) => set.insert_segment(name, segment.clone()),
                None => set.insert_invalid_segment(name),
            }
        }
        set
    }

    pub(super) fn flags(&self) -> Flags {
        Flags::fixed(self.set())
    }
}

pub(super) fn percent() -> impl Strategy<Value = Percent> {
    prop_oneof![Just(0), Just(100_000_000), 0..=100_000_000_u32]
        .prop_map(|millionths| Percent::from_millionths(millionths).expect("a percentage"))
}

pub(super) fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        select(&TEXTS[..]).prop_map(Literal::from),
        any::<bool>().prop_map(Literal::from),
        (-2_i64..3).prop_map(Literal::from),
        select(&["0.5", "1.0", "1e300"][..]).prop_map(|text| Literal::number(text).expect("a number")),
    ]
}

pub(super) fn literals() -> impl Strategy<Value = Vec<Literal>> {
    vec(literal(), 0..12)
}

pub(super) fn texts() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(&TEXTS[..], 0..=TEXTS.len())
}

/// Every operator except `exists`. Its verdict is unknown for a missing attribute.
pub(super) fn value_operator() -> impl Strategy<Value = Operator> {
    let number = literal().prop_filter("a number", |literal| Operator::less_than(literal).is_ok());
    let compare = select(vec![Operator::less_than, Operator::at_most, Operator::greater_than, Operator::at_least]);
    let time = select(&["2026-11-20T12:00:00Z", "2026-12-31T23:00:00Z"][..]);
    prop_oneof![
        literals().prop_map(Operator::one_of),
        literals().prop_map(Operator::none_of),
        literals().prop_map(Operator::contains),
        texts().prop_map(Operator::starts_with),
        texts().prop_map(Operator::ends_with),
        select(&["^[A-Z]{2}$", "", "\\d", "(?i)X"][..]).prop_map(|text| Operator::matches(text).expect("a pattern")),
        (compare, number).prop_map(|(compare, number)| compare(&number).expect("a number")),
        (any::<bool>(), time).prop_map(|(before, time)| {
            if before { Operator::before(time) } else { Operator::after(time) }.expect("a time")
        }),
        select(&["*", "^1", ">=2.3, <3", "=1.0.0-beta"][..])
            .prop_map(|text| Operator::semver(text).expect("a requirement")),
        subsequence(&["10.0.0.0/8", "::/0", "192.0.2.1"][..], 0..=3)
            .prop_map(|networks| Operator::cidr(networks).expect("networks")),
    ]
}

pub(super) fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![9 => value_operator(), 1 => select(vec![Operator::exists(), Operator::is_missing()])]
}

pub(super) fn condition_of(operator: impl Strategy<Value = Operator> + 'static) -> impl Strategy<Value = Condition> {
    let test = (select(&ATTRIBUTES[..]), operator).prop_map(|(name, operator)| Condition::attribute(name, operator));
    test.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|conditions| Condition::all(conditions).expect("not too deep")),
            vec(inner, 0..4).prop_map(|conditions| Condition::any(conditions).expect("not too deep")),
        ]
    })
}

pub(super) fn condition() -> impl Strategy<Value = Condition> {
    condition_of(operator())
}

pub(super) fn ids() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(&IDS[..], 0..=IDS.len())
}

pub(super) fn rule() -> impl Strategy<Value = RuleParts> {
    let one_of_these = |names: &'static [&'static str]| proptest::option::weighted(0.2, select(names));
    (
        proptest::option::weighted(0.3, ids()),
        prop_oneof![
            3 => Just(Vec::new()),
            2 => subsequence(&SEGMENTS[..2], 1..=2),
            1 => subsequence(&SEGMENTS[..], 1..=3),
        ],
        proptest::option::weighted(0.7, condition()),
        percent(),
        one_of_these(&ATTRIBUTES),
        one_of_these(&VARIANTS),
    )
        .prop_map(|(subjects, segments, condition, rollout, by, variant)| RuleParts {
            subjects,
            segments,
            condition,
            rollout,
            by,
            variant,
        })
}

/// A flag that may require the given flags, or one that is not declared.
pub(super) fn flag(requires: Vec<&'static str>) -> impl Strategy<Value = FlagParts> {
    let most = requires.len().min(2);
    let requires = prop_oneof![
        6 => subsequence(requires, 0..=most),
        1 => Just(vec!["undeclared"]),
    ];
    let weights = [0..3_u64, 0..3_u64, 1..3_u64];
    (
        proptest::bool::weighted(0.9),
        percent(),
        proptest::option::weighted(0.2, select(&ATTRIBUTES[..])),
        requires,
        vec(rule(), 0..4),
        proptest::option::weighted(0.8, weights),
    )
        .prop_map(|(on, rollout, by, requires, mut rules, weights)| {
            if weights.is_none() {
                for rule in &mut rules {
                    rule.variant = None;
                }
            }
            FlagParts { on, rollout, by, requires, rules, weights }
        })
}

pub(super) fn segment() -> impl Strategy<Value = Segment> {
    (ids(), ids(), proptest::option::weighted(0.8, condition())).prop_map(|(included, excluded, condition)| {
        let segment = Segment::new().with_included(included).with_excluded(excluded);
        condition.into_iter().fold(segment, Segment::when)
    })
}

pub(super) fn world_of(may_require: impl Fn(usize) -> Vec<&'static str>) -> impl Strategy<Value = World> {
    let flags: Vec<_> = (0..KEYS.len()).map(|index| flag(may_require(index))).collect();
    (flags, vec(proptest::option::weighted(0.95, segment()), 2)).prop_map(|(flags, segments)| World { flags, segments })
}

/// Flags that may require any other flag, or only later ones.
pub(super) fn world() -> impl Strategy<Value = World> {
    prop_oneof![
        1 => world_of(|_| KEYS.to_vec()),
        3 => world_of(|index| KEYS[index + 1..].to_vec()),
    ]
}

pub(super) fn any_value() -> impl Strategy<Value = AnyValue> {
    let float = select(&[0.5, 1.0, -0.0, 1e300, f64::NAN, f64::INFINITY][..]);
    let scalar = prop_oneof![
        1 => Just(AnyValue::Nothing),
        2 => any::<bool>().prop_map(AnyValue::Bool),
        3 => (-2_i64..3).prop_map(AnyValue::Integer),
        2 => float.prop_map(AnyValue::Float),
        8 => select(&TEXTS[..]).prop_map(AnyValue::Text),
    ];
    scalar.prop_recursive(2, 8, 4, |inner| vec(inner, 0..4).prop_map(AnyValue::List))
}

pub(super) fn user() -> impl Strategy<Value = User> {
    let attributes = subsequence(&ATTRIBUTES[..], 0..=ATTRIBUTES.len());
    let attributes = attributes.prop_flat_map(|names| {
        let values = vec(any_value(), names.len());
        values.prop_map(move |values| names.iter().copied().zip(values).collect())
    });
    (proptest::option::weighted(0.8, select(&IDS[..])), attributes).prop_map(|(id, attributes)| User { id, attributes })
}

pub(super) fn users() -> impl Strategy<Value = Vec<Context>> {
    vec(user().prop_map(|user| user.context()), 1..6)
}

/// Every evaluation of the declared flags, and of one that is not declared.
pub(super) fn evaluations(flags: &Flags, users: &[Context]) -> Vec<Evaluation> {
    let snapshot = flags.snapshot();
    let keys = KEYS.iter().chain(&["undeclared"]);
    keys.flat_map(|key| users.iter().map(|user| snapshot.evaluate(key, user)).collect::<Vec<_>>()).collect()
}
