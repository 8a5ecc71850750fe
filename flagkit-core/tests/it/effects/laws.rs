//! A narrowing change adds no subject. Random changes are compared for every subject of a small world.

use std::sync::Arc;

use flagkit_core::source::{Condition, Literal, Operator, Reference, Rule, Segment};
use flagkit_core::tooling::Effect;
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Percent, Snapshot, Variant, Variants};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const COUNTRIES: [&str; 3] = ["PT", "ES", "DE"];
const PLANS: [&str; 2] = ["free", "paid"];
const IDS: [&str; 10] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"];

/// Every subject: each id with each combination of attributes, present, missing or of another kind.
fn all_subjects() -> Vec<Context> {
    let mut subjects = vec![Context::anonymous(), Context::anonymous().with("country", "PT")];
    for id in IDS {
        for country in [None, Some("PT"), Some("ES"), Some("DE")] {
            for plan in [None, Some("free"), Some("paid")] {
                for seats in [None, Some(0_i64), Some(1), Some(2), Some(3)] {
                    subjects.push(Context::new(id).with("country", country).with("plan", plan).with("seats", seats));
                }
            }
        }
        subjects.push(Context::new(id).with("country", 7).with("plan", true).with("seats", "many"));
        subjects.push(Context::new(id).with("country", ["PT", "DE"]).with("seats", [0, 3]));
    }
    subjects
}

fn percent() -> impl Strategy<Value = Percent> {
    select(vec![0, 0, 30, 50, 50, 80, 100, 100, 100]).prop_map(|whole| Percent::new(whole).expect("a percentage"))
}

fn operator_of_texts(words: &'static [&'static str]) -> impl Strategy<Value = Operator> {
    let list = || subsequence(words.to_vec(), 0..=words.len());
    prop_oneof![
        4 => list().prop_map(Operator::one_of),
        4 => list().prop_map(Operator::none_of),
        1 => list().prop_map(|words| Operator::one_of(words.into_iter().map(Literal::from).chain([7_i64.into()]))),
        1 => list().prop_map(|words| Operator::none_of(words.into_iter().map(Literal::from).chain([true.into()]))),
        1 => list().prop_map(|words| Operator::starts_with(words.into_iter().map(|word| &word[..1]))),
        1 => list().prop_map(Operator::contains),
        1 => select(vec![Operator::exists(), Operator::is_missing()]),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let compare = select(vec![Operator::less_than, Operator::at_most, Operator::greater_than, Operator::at_least]);
    let seats = (compare, 0..4_i64).prop_map(|(compare, n)| compare(&n.into()).expect("a number"));
    let leaf = prop_oneof![
        operator_of_texts(&COUNTRIES).prop_map(|operator| Condition::attribute("country", operator)),
        operator_of_texts(&PLANS).prop_map(|operator| Condition::attribute("plan", operator)),
        seats.prop_map(|operator| Condition::attribute("seats", operator)),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(|all| Condition::all(all).expect("not too deep")),
            vec(inner, 1..3).prop_map(|any| Condition::any(any).expect("not too deep")),
        ]
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let subjects = option::weighted(0.3, subsequence(IDS.to_vec(), 0..8));
    let segments = option::weighted(0.3, subsequence(vec!["staff", "press"], 1..=2));
    let salt = option::weighted(0.1, Just("other"));
    let name = option::weighted(0.3, select(vec!["x", "y"]));
    let variant = option::weighted(0.15, select(vec!["blue", "red"]));
    (subjects, segments, option::weighted(0.6, condition()), percent(), salt, name, variant).prop_map(
        |(subjects, segments, condition, rollout, salt, name, variant)| {
            let mut rule = Rule::new().with_rollout(rollout);
            rule = subjects.into_iter().fold(rule, Rule::with_subjects);
            rule = segments
                .into_iter()
                .fold(rule, |rule, names| rule.with_segments(names.into_iter().map(Reference::new)));
            rule = condition.into_iter().fold(rule, Rule::when);
            rule = salt.into_iter().fold(rule, Rule::with_salt);
            rule = name.into_iter().fold(rule, Rule::with_name);
            variant.into_iter().fold(rule, Rule::with_variant)
        },
    )
}

/// The parts of a flag, so that a change can edit one of them.
#[derive(Clone, Debug)]
struct Parts {
    /// `None` if the flag is off.
    rollout: Option<Percent>,
    rules: Vec<Rule>,
    salted: bool,
    requires: bool,
    weights: Option<(u64, u64)>,
    off_variant: bool,
}

impl Parts {
    fn flag(&self) -> Flag {
        let mut flag = self.rollout.map_or_else(Flag::off, |rollout| Flag::on().with_rollout(rollout));
        // A rule may name a variant, so the flag always has variants. Only the weights differ.
        let (blue, red) = self.weights.unwrap_or((1, 1));
        let variants = Variants::new([(Variant::new("blue"), blue), (Variant::new("red"), red)]).expect("weights");
        flag = flag.with_variants(variants).with_rules(self.rules.clone());
        if self.salted {
            flag = flag.with_salt("salt");
        }
        if self.requires {
            flag = flag.with_prerequisites([Reference::new("base")]);
        }
        if self.off_variant { flag.with_off_variant("red") } else { flag }
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let weights = option::weighted(0.1, (1..3_u64, 0..3_u64));
    let often = proptest::bool::weighted;
    let rollout = option::weighted(0.9, percent());
    (rollout, vec(rule(), 0..4), often(0.1), often(0.3), weights, often(0.1)).prop_map(
        |(rollout, rules, salted, requires, weights, off_variant)| Parts {
            rollout,
            rules,
            salted,
            requires,
            weights,
            off_variant,
        },
    )
}

fn segment() -> impl Strategy<Value = Segment> {
    let ids = || subsequence(IDS.to_vec(), 0..4);
    (option::of(condition()), ids(), ids()).prop_map(|(condition, included, excluded)| {
        let segment = Segment::new().with_included(included).with_excluded(excluded);
        condition.into_iter().fold(segment, Segment::when)
    })
}

/// A change as a user makes it, of one part or of all.
#[derive(Clone, Debug)]
enum Edit {
    Off,
    Rollout(Percent),
    RuleRollout(usize, Percent),
    Condition(usize, Condition),
    Remove(usize),
    Insert(usize, Rule),
    Swap(usize),
    Require,
    Salt,
    All(Parts),
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = || 0..4_usize;
    prop_oneof![
        1 => Just(Edit::Off),
        3 => percent().prop_map(Edit::Rollout),
        3 => (index(), percent()).prop_map(|(index, percent)| Edit::RuleRollout(index, percent)),
        3 => (index(), condition()).prop_map(|(index, condition)| Edit::Condition(index, condition)),
        3 => index().prop_map(Edit::Remove),
        3 => (index(), rule()).prop_map(|(index, rule)| Edit::Insert(index, rule)),
        1 => index().prop_map(Edit::Swap),
        1 => Just(Edit::Require),
        1 => Just(Edit::Salt),
        3 => parts().prop_map(Edit::All),
    ]
}

fn edited(mut parts: Parts, edit: Edit) -> Parts {
    match edit {
        Edit::Off => parts.rollout = None,
        Edit::Rollout(percent) => parts.rollout = Some(percent),
        Edit::RuleRollout(index, percent) => {
            if let Some(rule) = parts.rules.get_mut(index) {
                *rule = rule.clone().with_rollout(percent);
            }
        }
        Edit::Condition(index, condition) => {
            if let Some(rule) = parts.rules.get_mut(index) {
                *rule = rule.clone().when(condition);
            }
        }
        Edit::Remove(index) => {
            if index < parts.rules.len() {
                parts.rules.remove(index);
            }
        }
        Edit::Insert(index, rule) => parts.rules.insert(index.min(parts.rules.len()), rule),
        Edit::Swap(index) => {
            if index + 1 < parts.rules.len() {
                parts.rules.swap(index, index + 1);
            }
        }
        Edit::Require => parts.requires = !parts.requires,
        Edit::Salt => parts.salted = !parts.salted,
        Edit::All(other) => parts = other,
    }
    parts
}

fn snapshot(flag: &Parts, base: Percent, staff: &Segment, press: &Segment) -> Arc<Snapshot> {
    let key = |text| FlagKey::new(text).expect("a key");
    let mut set = FlagSet::from_iter([(key("flag"), flag.flag()), (key("base"), Flag::on().with_rollout(base))]);
    set.insert_segment("staff", staff.clone());
    set.insert_segment("press", press.clone());
    Flags::fixed(set).snapshot()
}

/// A subject that the change adds or gives another variant. If the change turns the flag off for a subject, the off
/// variant does not count as wider.
fn added_subject<'a>(before: &Snapshot, after: &Snapshot, subjects: &'a [Context]) -> Option<&'a Context> {
    let is_new = |subject: &&Context| {
        let variants = [before, after].map(|snapshot| snapshot.variant("flag", *subject));
        let [was_on, is_on] = [before, after].map(|snapshot| snapshot.is_on("flag", *subject));
        let has_new_variant = variants[1].is_some() && variants[0] != variants[1];
        (is_on && !was_on) || (has_new_variant && (is_on || !was_on))
    };
    subjects.iter().find(is_new)
}

#[test]
fn a_narrowing_change_adds_no_subject_and_a_neutral_change_changes_nothing() {
    const CASES: u32 = 6_000;
    let subjects = all_subjects();
    let mut runner = TestRunner::deterministic();
    let (mut narrowing, mut neutral, mut missed) = (0, 0, 0);
    let segments = (segment(), segment(), option::weighted(0.2, segment()));
    let bases = (percent(), option::weighted(0.2, percent()));
    let change = (parts(), vec(edit(), 1..3), segments, bases);
    for case in 0..CASES {
        let (parts, edits, (staff, press, next_staff), (base, next_base)) =
            change.new_tree(&mut runner).expect("a change").current();
        let next = edits.iter().cloned().fold(parts.clone(), edited);
        let before = snapshot(&parts, base, &staff, &press);
        let after = snapshot(&next, next_base.unwrap_or(base), &next_staff.unwrap_or(staff), &press);
        let key = FlagKey::new("flag").expect("a key");
        let effect = before.effects(&after).get(&key).copied().unwrap_or(Effect::Neutral);
        let shown = || format!("case {case}: {parts:#?}\n{edits:#?}");
        let found = added_subject(&before, &after, &subjects);
        match effect {
            Effect::Widens => missed += u32::from(found.is_none()),
            Effect::Narrows => {
                narrowing += 1;
                assert!(found.is_none(), "the change adds {found:?}: {}", shown());
            }
            Effect::Neutral => {
                neutral += 1;
                let lost = added_subject(&after, &before, &subjects);
                assert!(found.is_none() && lost.is_none(), "the change affects {found:?} {lost:?}: {}", shown());
            }
        }
    }
    println!(
        "of {CASES} changes {narrowing} narrow and {neutral} are neutral; {missed} widening ones add no subject here"
    );
    // A comparison that always answered "widens" would be correct and useless.
    assert!(narrowing > CASES / 8 && neutral > CASES / 20, "{narrowing} {neutral}");
    assert!(missed < CASES / 4, "{missed}");
}
