//! The laws of rules, segments, prerequisites and variants, held for flags and subjects made at random.

use std::cmp::Ordering;
use std::collections::HashMap;

use flagkit_core::{
    Attribute, Condition, Context, Evaluation, Flag, FlagKey, FlagSet, Flags, Literal, Operator, Percent, Reason,
    Reference, Rule, Segment, Step, Value, Variant, Variants, Verdict,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const SEGMENTS: [&str; 3] = ["staff", "press", "nowhere"];
const ATTRIBUTES: [&str; 6] = ["country", "version", "address", "since", "seats", "beta"];
const VARIANTS: [&str; 3] = ["blue", "green", "red"];
const IDS: [&str; 6] = ["u0", "u1", "u2", "u3", "17", ""];
/// Texts of every form that an operator may want, and of none.
const TEXTS: [&str; 10] = [
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

/// An attribute of any kind, lists of lists and holes in lists included.
#[derive(Clone, Debug)]
enum Seen {
    Nothing,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'static str),
    List(Vec<Self>),
}

impl Attribute for Seen {
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
struct User {
    id: Option<&'static str>,
    attributes: Vec<(&'static str, Seen)>,
}

impl User {
    fn context(&self) -> Context {
        let context = self.id.map_or_else(Context::anonymous, Context::new);
        self.attributes.iter().fold(context, |context, (name, value)| context.with(name, value))
    }
}

#[derive(Clone, Debug)]
struct RuleOf {
    subjects: Option<Vec<&'static str>>,
    segments: Vec<&'static str>,
    condition: Option<Condition>,
    rollout: Percent,
    by: Option<&'static str>,
    variant: Option<&'static str>,
}

impl RuleOf {
    fn rule(&self) -> Rule {
        let rule = Rule::new().with_rollout(self.rollout);
        let rule = if self.segments.is_empty() {
            rule
        } else {
            rule.in_segments(self.segments.iter().map(|name| Reference::new(name)))
        };
        let rule = self.subjects.iter().fold(rule, |rule, ids| rule.for_subjects(ids.iter().copied()));
        let rule = self.condition.iter().fold(rule, |rule, condition| rule.when(condition.clone()));
        let rule = self.by.iter().fold(rule, |rule, by| rule.with_by(by));
        self.variant.iter().fold(rule, |rule, variant| rule.with_variant(variant))
    }
}

#[derive(Clone, Debug)]
struct FlagOf {
    on: bool,
    rollout: Percent,
    by: Option<&'static str>,
    requires: Vec<&'static str>,
    rules: Vec<RuleOf>,
    /// In the order of `VARIANTS`.
    weights: Option<[u64; 3]>,
}

impl FlagOf {
    fn flag(&self) -> Flag {
        let flag = if self.on { Flag::on() } else { Flag::off() };
        let flag = flag
            .with_rollout(self.rollout)
            .requiring(self.requires.iter().map(|key| Reference::new(key)))
            .with_rules(self.rules.iter().map(RuleOf::rule));
        let flag = self.by.iter().fold(flag, |flag, by| flag.with_by(by));
        self.weights.iter().fold(flag, |flag, weights| {
            let weights = VARIANTS.iter().map(|name| Variant::new(name)).zip(weights.iter().copied());
            flag.with_variants(Variants::new(weights).expect("variants"))
        })
    }
}

#[derive(Clone, Debug)]
struct World {
    /// In the order of `KEYS`.
    flags: Vec<FlagOf>,
    /// In the order of `SEGMENTS`, of which the last is declared nowhere.
    segments: Vec<Option<Segment>>,
}

impl World {
    fn set(&self) -> FlagSet {
        let mut set: FlagSet = KEYS.iter().zip(&self.flags).map(|(key, flag)| (self::key(key), flag.flag())).collect();
        for (name, segment) in SEGMENTS.iter().zip(&self.segments) {
            match segment {
                Some(segment) => set.insert_segment(name, segment.clone()),
                None => set.refuse_segment(name),
            }
        }
        set
    }

    fn flags(&self) -> Flags {
        Flags::fixed(self.set())
    }
}

fn key(text: &str) -> FlagKey {
    FlagKey::new(text).expect("a key")
}

fn percent() -> impl Strategy<Value = Percent> {
    prop_oneof![Just(0), Just(100_000_000), 0..=100_000_000_u32]
        .prop_map(|millionths| Percent::from_millionths(millionths).expect("a percentage"))
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        select(&TEXTS[..]).prop_map(Literal::from),
        any::<bool>().prop_map(Literal::from),
        (-2_i64..3).prop_map(Literal::from),
        select(&["0.5", "1.0", "1e300"][..]).prop_map(|text| Literal::number(text).expect("a number")),
    ]
}

fn literals() -> impl Strategy<Value = Vec<Literal>> {
    vec(literal(), 0..12)
}

fn texts() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(&TEXTS[..], 0..=TEXTS.len())
}

/// Every operator but `exists`.
fn telling_operator() -> impl Strategy<Value = Operator> {
    let number =
        literal().prop_filter("a number", |literal| Operator::compares(Ordering::Less, false, literal).is_ok());
    let side = select(&[Ordering::Less, Ordering::Greater][..]);
    let moment = select(&["2026-11-20T12:00:00Z", "2026-12-31T23:00:00Z"][..]);
    prop_oneof![
        literals().prop_map(Operator::one_of),
        literals().prop_map(Operator::none_of),
        literals().prop_map(Operator::contains),
        texts().prop_map(Operator::starts_with),
        texts().prop_map(Operator::ends_with),
        select(&["^[A-Z]{2}$", "", "\\d", "(?i)X"][..]).prop_map(|text| Operator::matches(text).expect("a pattern")),
        (side, any::<bool>(), number)
            .prop_map(|(side, included, number)| Operator::compares(side, included, &number).expect("a number")),
        (any::<bool>(), moment).prop_map(|(before, moment)| {
            if before { Operator::before(moment) } else { Operator::after(moment) }.expect("a moment")
        }),
        select(&["*", "^1", ">=2.3, <3", "=1.0.0-beta"][..])
            .prop_map(|text| Operator::semver(text).expect("a requirement")),
        subsequence(&["10.0.0.0/8", "::/0", "192.0.2.1"][..], 0..=3)
            .prop_map(|networks| Operator::cidr(networks).expect("networks")),
    ]
}

fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![9 => telling_operator(), 1 => any::<bool>().prop_map(Operator::exists)]
}

fn condition_of(operator: impl Strategy<Value = Operator> + 'static) -> impl Strategy<Value = Condition> {
    let test = (select(&ATTRIBUTES[..]), operator).prop_map(|(name, operator)| Condition::attribute(name, operator));
    test.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|conditions| Condition::all(conditions).expect("not too deep")),
            vec(inner, 0..4).prop_map(|conditions| Condition::any(conditions).expect("not too deep")),
        ]
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    condition_of(operator())
}

fn ids() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(&IDS[..], 0..=IDS.len())
}

fn rule() -> impl Strategy<Value = RuleOf> {
    let one_of_these = |names: &'static [&'static str]| proptest::option::weighted(0.2, select(names));
    (
        proptest::option::weighted(0.3, ids()),
        prop_oneof![3 => Just(Vec::new()), 2 => subsequence(&SEGMENTS[..2], 1..=2), 1 => subsequence(&SEGMENTS[..], 1..=3)],
        proptest::option::weighted(0.7, condition()),
        percent(),
        one_of_these(&ATTRIBUTES),
        one_of_these(&VARIANTS),
    )
        .prop_map(|(subjects, segments, condition, rollout, by, variant)| RuleOf {
            subjects,
            segments,
            condition,
            rollout,
            by,
            variant,
        })
}

/// A flag that may require the flags given, and one that is not declared.
fn flag(requires: Vec<&'static str>) -> impl Strategy<Value = FlagOf> {
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
            FlagOf { on, rollout, by, requires, rules, weights }
        })
}

fn segment() -> impl Strategy<Value = Segment> {
    (ids(), ids(), proptest::option::weighted(0.8, condition())).prop_map(|(included, excluded, condition)| {
        let segment = Segment::new().including(included).excluding(excluded);
        condition.into_iter().fold(segment, Segment::when)
    })
}

fn world_of(may_require: impl Fn(usize) -> Vec<&'static str>) -> impl Strategy<Value = World> {
    let flags: Vec<_> = (0..KEYS.len()).map(|index| flag(may_require(index))).collect();
    (flags, vec(proptest::option::weighted(0.95, segment()), 2)).prop_map(|(flags, segments)| World { flags, segments })
}

/// Flags that require each other at will, or only later ones.
fn world() -> impl Strategy<Value = World> {
    prop_oneof![
        1 => world_of(|_| KEYS.to_vec()),
        3 => world_of(|index| KEYS[index + 1..].to_vec()),
    ]
}

fn seen() -> impl Strategy<Value = Seen> {
    let float = select(&[0.5, 1.0, -0.0, 1e300, f64::NAN, f64::INFINITY][..]);
    let scalar = prop_oneof![
        1 => Just(Seen::Nothing),
        2 => any::<bool>().prop_map(Seen::Bool),
        3 => (-2_i64..3).prop_map(Seen::Integer),
        2 => float.prop_map(Seen::Float),
        8 => select(&TEXTS[..]).prop_map(Seen::Text),
    ];
    scalar.prop_recursive(2, 8, 4, |inner| vec(inner, 0..4).prop_map(Seen::List))
}

fn user() -> impl Strategy<Value = User> {
    let attributes = subsequence(&ATTRIBUTES[..], 0..=ATTRIBUTES.len());
    let attributes = attributes.prop_flat_map(|names| {
        let values = vec(seen(), names.len());
        values.prop_map(move |values| names.iter().copied().zip(values).collect())
    });
    (proptest::option::weighted(0.8, select(&IDS[..])), attributes).prop_map(|(id, attributes)| User { id, attributes })
}

fn users() -> impl Strategy<Value = Vec<Context>> {
    vec(user().prop_map(|user| user.context()), 1..6)
}

/// Everything that can be asked of the declared flags, and of one that is not declared.
fn answers(flags: &Flags, users: &[Context]) -> Vec<Evaluation> {
    let snapshot = flags.snapshot();
    let keys = KEYS.iter().chain(&["undeclared"]);
    keys.flat_map(|key| users.iter().map(|user| snapshot.evaluate(key, user)).collect::<Vec<_>>()).collect()
}

/// A flag of this one rule, and off for whom it does not match.
fn only(rule: &RuleOf, world: &World) -> Flags {
    let mut set = world.set();
    let flag = FlagOf {
        on: true,
        rollout: Percent::ZERO,
        by: None,
        requires: Vec::new(),
        rules: vec![rule.clone()],
        weights: Some([1, 1, 1]),
    };
    set.insert(key("only"), flag.flag());
    Flags::fixed(set)
}

/// How many steps there are, the steps within steps included.
fn count(steps: &[Step]) -> usize {
    let inner = |step: &Step| match step {
        Step::Required { steps, .. } | Step::Group { steps, .. } => count(steps),
        _ => 0,
    };
    steps.iter().map(|step| 1 + inner(step)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn an_explanation_agrees_with_every_other_evaluation(world in world(), users in users()) {
        let flags = world.flags();
        for key in KEYS.iter().chain(&["undeclared"]) {
            for user in &users {
                let evaluation = flags.evaluate(key, user);
                let explanation = flags.explain(key, user);
                prop_assert_eq!(explanation.evaluation(), &evaluation);
                prop_assert_eq!(explanation.key(), *key);
                prop_assert_eq!(flags.is_on(key, user), evaluation.is_on());
                prop_assert_eq!(flags.variant(key, user), evaluation.variant().cloned());
                prop_assert!(evaluation.is_on() || evaluation.variant().is_none());

                let shown = explanation.to_string();
                prop_assert_eq!(shown.lines().count(), 1 + count(explanation.steps()), "{}", shown);
                let first = format!("{key} is {evaluation}\n");
                prop_assert!(shown.starts_with(&first), "{}", shown);
                #[cfg(feature = "serde")]
                {
                    let json = serde_json::to_value(&explanation).expect("it serialises");
                    prop_assert_eq!(&json["on"], &serde_json::Value::from(evaluation.is_on()));
                    prop_assert_eq!(&json["reason"], evaluation.reason().as_str());
                }
            }
        }
    }

    #[test]
    fn a_further_condition_adds_no_subject(world in world(), rule in rule(), further in condition(), users in users()) {
        let condition = Condition::all(rule.condition.clone().into_iter().chain([further])).expect("not too deep");
        let narrowed = RuleOf { condition: Some(condition), ..rule.clone() };
        let (old, new) = (only(&rule, &world), only(&narrowed, &world));
        for user in &users {
            let (old, new) = (old.evaluate("only", user), new.evaluate("only", user));
            prop_assert!(new.rule().is_none() || old.rule().is_some(), "{:?} {:?}", old, new);
            prop_assert!(!new.is_on() || old.is_on());
            if new.rule().is_some() {
                prop_assert_eq!(new, old, "whom it still matches gets what it got");
            }
        }
    }

    #[test]
    fn a_further_alternative_removes_no_subject(old in condition(), further in condition(), users in users()) {
        let new = Condition::any([old.clone(), further]).expect("not too deep");
        for user in &users {
            prop_assert!(old.verdict(user) != Verdict::Yes || new.verdict(user) == Verdict::Yes);
        }
    }

    #[test]
    fn a_missing_attribute_adds_no_subject(
        condition in condition_of(telling_operator()),
        user in user(),
        forgotten in any::<Index>(),
    ) {
        let all = condition.verdict(&user.context());
        let mut user = user;
        if !user.attributes.is_empty() {
            user.attributes.remove(forgotten.index(user.attributes.len()));
        }
        let less = condition.verdict(&user.context());
        prop_assert!(less == all || less == Verdict::CannotTell, "{} was {:?} and became {:?}", condition, all, less);
    }

    #[test]
    fn a_test_and_its_negation_are_opposite_or_both_unknown(literals in literals(), value in seen()) {
        let context = Context::new("u1").with("country", value);
        let is = Condition::attribute("country", Operator::one_of(literals.clone())).verdict(&context);
        let is_not = Condition::attribute("country", Operator::none_of(literals)).verdict(&context);
        prop_assert_eq!(is_not, !is);
    }

    #[test]
    fn without_the_attribute_the_verdict_is_unknown(operator in telling_operator(), user in user()) {
        let condition = Condition::attribute("lacking", operator);
        prop_assert_eq!(condition.verdict(&user.context()), Verdict::CannotTell);
    }

    #[test]
    fn a_value_of_another_kind_than_the_operands_is_unknown(
        texts in texts().prop_filter("there are some", |texts| !texts.is_empty()),
        numbers in vec(-2_i64..3, 1..12),
        bools in vec(any::<bool>(), 1..3),
        value in seen(),
    ) {
        fn has_kind(value: &Seen, kind: fn(&Seen) -> bool) -> bool {
            // An empty list has no element of a wrong kind, and a list is judged by its elements.
            matches!(value, Seen::List(values) if values.is_empty())
                || kind(value)
                || matches!(value, Seen::List(values) if values.iter().any(kind))
        }
        let context = Context::new("u1").with("country", value.clone());
        let is_text = has_kind(&value, |value| matches!(value, Seen::Text(_)));
        let is_number = has_kind(&value, |value| {
            matches!(value, Seen::Integer(_)) || matches!(value, Seen::Float(float) if !float.is_nan())
        });
        let is_bool = has_kind(&value, |value| matches!(value, Seen::Bool(_)));
        for (is_kind, one_of, none_of) in [
            (is_text, Operator::one_of(texts.clone()), Operator::none_of(texts)),
            (is_number, Operator::one_of(numbers.clone()), Operator::none_of(numbers)),
            (is_bool, Operator::one_of(bools.clone()), Operator::none_of(bools)),
        ] {
            if !is_kind {
                for operator in [one_of, none_of] {
                    let condition = Condition::attribute("country", operator);
                    prop_assert_eq!(condition.verdict(&context), Verdict::CannotTell, "{} of {:?}", condition, value);
                }
            }
        }
    }

    #[test]
    fn unrelated_flags_change_no_evaluation(
        world in world(),
        others in vec(flag(KEYS.to_vec()), 0..4),
        other_segment in segment(),
        users in users(),
    ) {
        let before = answers(&world.flags(), &users);
        let mut set = FlagSet::new();
        set.insert_segment("of-no-concern", other_segment);
        for (index, other) in others.iter().enumerate() {
            set.insert(key(&format!("0-of-no-concern-{index}")), other.flag());
        }
        for (name, segment) in SEGMENTS.iter().zip(&world.segments).rev() {
            match segment {
                Some(segment) => set.insert_segment(name, segment.clone()),
                None => set.refuse_segment(name),
            }
        }
        for (key, flag) in KEYS.iter().zip(&world.flags).rev() {
            set.insert(self::key(key), flag.flag());
        }
        prop_assert_eq!(answers(&Flags::fixed(set), &users), before);
    }

    #[test]
    fn a_raised_rollout_removes_no_subject_and_changes_no_variant(
        world in world(),
        raised in vec((percent(), vec(percent(), 4)), KEYS.len()),
        users in users(),
    ) {
        let before = answers(&world.flags(), &users);
        let mut world = world;
        for (flag, (rollout, rules)) in world.flags.iter_mut().zip(&raised) {
            flag.rollout = flag.rollout.max(*rollout);
            for (rule, rollout) in flag.rules.iter_mut().zip(rules) {
                rule.rollout = rule.rollout.max(*rollout);
            }
        }
        for (before, after) in before.iter().zip(answers(&world.flags(), &users)) {
            prop_assert!(!before.is_on() || after.is_on(), "{} became {}", before, after);
            if before.is_on() {
                prop_assert_eq!(before.variant(), after.variant());
                prop_assert_eq!(before.rule(), after.rule());
            }
        }
    }

    #[test]
    fn a_segment_holds_the_included_and_not_the_excluded_ids(
        included in ids(),
        excluded in ids(),
        condition in proptest::option::of(condition()),
        user in user(),
    ) {
        let segment = Segment::new().including(included.clone()).excluding(excluded.clone());
        let mut set = FlagSet::new();
        set.insert_segment("staff", condition.clone().into_iter().fold(segment, Segment::when));
        let rule = Rule::new().in_segments([Reference::new("staff")]);
        set.insert(key("only"), Flag::on().with_rollout(Percent::ZERO).with_rules([rule]));
        let listed = |ids: &[&str]| user.id.is_some_and(|id| !id.is_empty() && ids.contains(&id));
        let context = user.context();
        let holds = condition.is_some_and(|condition| condition.verdict(&context) == Verdict::Yes);
        let expected = !listed(&excluded) && (listed(&included) || holds);
        prop_assert_eq!(Flags::fixed(set).is_on("only", &context), expected);
    }

    #[test]
    fn a_rule_matches_when_all_its_parts_hold(
        subjects in proptest::option::of(ids()),
        segments in vec(condition(), 0..3),
        condition in proptest::option::of(condition()),
        user in user(),
    ) {
        let context = user.context();
        let mut set = FlagSet::new();
        for (name, segment) in SEGMENTS.iter().zip(&segments) {
            set.insert_segment(name, Segment::new().when(segment.clone()));
        }
        let rule = RuleOf {
            subjects: subjects.clone(),
            segments: SEGMENTS[..segments.len()].to_vec(),
            condition: condition.clone(),
            rollout: Percent::HUNDRED,
            by: None,
            variant: None,
        };
        set.insert(key("only"), Flag::on().with_rollout(Percent::ZERO).with_rules([rule.rule()]));
        let is_yes = |condition: &Condition| condition.verdict(&context) == Verdict::Yes;
        let expected = subjects.is_none_or(|ids| user.id.is_some_and(|id| !id.is_empty() && ids.contains(&id)))
            && (segments.is_empty() || segments.iter().any(is_yes))
            && condition.as_ref().is_none_or(is_yes);
        let evaluation = Flags::fixed(set).evaluate("only", &context);
        prop_assert_eq!(evaluation.rule(), expected.then_some(0));
        prop_assert_eq!(evaluation.is_on(), expected);
    }

    #[test]
    fn a_flag_is_on_only_where_all_its_prerequisites_are(world in world(), users in users()) {
        let flags = world.flags();
        for (key, flag) in KEYS.iter().zip(&world.flags) {
            for user in &users {
                let evaluation = flags.evaluate(key, user);
                let off = flag.requires.iter().position(|required| !flags.is_on(required, user));
                match evaluation.reason() {
                    Reason::Refused | Reason::Off => {}
                    Reason::Prerequisite { index } => prop_assert_eq!(Some(index), off),
                    _ => prop_assert_eq!(off, None),
                }
            }
        }
    }
}

/// A law that is never put to the test holds too.
#[test]
fn the_generated_worlds_vary() {
    let mut runner = TestRunner::deterministic();
    let (mut reasons, mut ruled, mut dealt, mut verdicts) = (HashMap::new(), 0, 0, HashMap::new());
    for _ in 0..200 {
        let tree = (world(), users(), condition()).new_tree(&mut runner).expect("a world");
        let (world, users, condition) = tree.current();
        for evaluation in answers(&world.flags(), &users) {
            *reasons.entry((evaluation.reason().as_str(), evaluation.is_on())).or_insert(0) += 1;
            ruled += usize::from(evaluation.rule().is_some());
            dealt += usize::from(evaluation.variant().is_some());
        }
        for user in &users {
            *verdicts.entry(condition.verdict(user)).or_insert(0) += 1;
        }
    }
    for (reason, on) in [
        ("on", true),
        ("rollout", true),
        ("rollout", false),
        ("no-subject", false),
        ("prerequisite", false),
        ("off", false),
        ("refused", false),
        ("undeclared", false),
    ] {
        assert!(reasons.get(&(reason, on)) > Some(&30), "{reason} {on}: {reasons:?}");
    }
    assert!(ruled > 200 && dealt > 100, "{ruled} by a rule, {dealt} with a variant");
    assert!(verdicts.len() == 3 && verdicts.values().all(|count| *count > 30), "{verdicts:?}");
}
