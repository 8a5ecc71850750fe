//! Properties of rules, segments, prerequisites and variants, checked with random flags and subjects.

use std::collections::HashMap;

use flagkit_core::source::{Condition, Operator, Reference, Rule, Segment};
use flagkit_core::tooling::{Step, Verdict};
use flagkit_core::{Context, Flag, FlagSet, Flags, Percent, Reason};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::world::{
    AnyValue, FlagParts, KEYS, RuleParts, SEGMENTS, World, any_value, condition, condition_of, evaluations, flag, ids,
    literals, percent, rule, segment, texts, user, users, value_operator, world,
};
use crate::support::key;

/// Adds a flag with only this rule, which is off for a subject that the rule does not match.
fn only(rule: &RuleParts, world: &World) -> Flags {
    let mut set = world.set();
    let flag = FlagParts {
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

/// The number of steps, including nested ones.
fn count(steps: &[Step]) -> usize {
    let inner = |step: &Step| match step {
        Step::Prerequisite { steps, .. } | Step::Group { steps, .. } => count(steps),
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
        let narrowed = RuleParts { condition: Some(condition), ..rule.clone() };
        let (old, new) = (only(&rule, &world), only(&narrowed, &world));
        for user in &users {
            let (old, new) = (old.evaluate("only", user), new.evaluate("only", user));
            prop_assert!(new.rule().is_none() || old.rule().is_some(), "{:?} {:?}", old, new);
            prop_assert!(!new.is_on() || old.is_on());
            if new.rule().is_some() {
                prop_assert_eq!(new, old, "a subject that still matches gets the same evaluation");
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
        condition in condition_of(value_operator()),
        user in user(),
        missing in any::<Index>(),
    ) {
        let all = condition.verdict(&user.context());
        let mut user = user;
        if !user.attributes.is_empty() {
            user.attributes.remove(missing.index(user.attributes.len()));
        }
        let less = condition.verdict(&user.context());
        prop_assert!(less == all || less == Verdict::Unknown, "{} was {:?} and became {:?}", condition, all, less);
    }

    #[test]
    fn a_test_and_its_negation_are_opposite_or_both_unknown(literals in literals(), value in any_value()) {
        let context = Context::new("u1").with("country", value);
        let is = Condition::attribute("country", Operator::one_of(literals.clone())).verdict(&context);
        let is_not = Condition::attribute("country", Operator::none_of(literals)).verdict(&context);
        prop_assert_eq!(is_not, !is);
    }

    #[test]
    fn without_the_attribute_the_verdict_is_unknown(operator in value_operator(), user in user()) {
        let condition = Condition::attribute("missing", operator);
        prop_assert_eq!(condition.verdict(&user.context()), Verdict::Unknown);
    }

    #[test]
    fn a_value_of_another_kind_than_the_operands_is_unknown(
        texts in texts().prop_filter("at least one", |texts| !texts.is_empty()),
        numbers in vec(-2_i64..3, 1..12),
        bools in vec(any::<bool>(), 1..3),
        value in any_value(),
    ) {
        fn has_kind(value: &AnyValue, kind: fn(&AnyValue) -> bool) -> bool {
            // A list is evaluated by its elements, and an empty one has no element of another kind.
            matches!(value, AnyValue::List(values) if values.is_empty())
                || kind(value)
                || matches!(value, AnyValue::List(values) if values.iter().any(kind))
        }
        let context = Context::new("u1").with("country", value.clone());
        let is_text = has_kind(&value, |value| matches!(value, AnyValue::Text(_)));
        let is_number = has_kind(&value, |value| {
            matches!(value, AnyValue::Integer(_)) || matches!(value, AnyValue::Float(float) if !float.is_nan())
        });
        let is_bool = has_kind(&value, |value| matches!(value, AnyValue::Bool(_)));
        for (is_kind, one_of, none_of) in [
            (is_text, Operator::one_of(texts.clone()), Operator::none_of(texts)),
            (is_number, Operator::one_of(numbers.clone()), Operator::none_of(numbers)),
            (is_bool, Operator::one_of(bools.clone()), Operator::none_of(bools)),
        ] {
            if !is_kind {
                for operator in [one_of, none_of] {
                    let condition = Condition::attribute("country", operator);
                    prop_assert_eq!(condition.verdict(&context), Verdict::Unknown, "{} of {:?}", condition, value);
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
        let before = evaluations(&world.flags(), &users);
        let mut set = FlagSet::new();
        set.insert_segment("unrelated", other_segment);
        for (index, other) in others.iter().enumerate() {
            set.insert(key(&format!("0-unrelated-{index}")), other.flag());
        }
        for (name, segment) in SEGMENTS.iter().zip(&world.segments).rev() {
            match segment {
                Some(segment) => set.insert_segment(name, segment.clone()),
                None => set.insert_invalid_segment(name),
            }
        }
        for (key, flag) in KEYS.iter().zip(&world.flags).rev() {
            set.insert(self::key(key), flag.flag());
        }
        prop_assert_eq!(evaluations(&Flags::fixed(set), &users), before);
    }

    #[test]
    fn a_raised_rollout_removes_no_subject_and_changes_no_variant(
        world in world(),
        raised in vec((percent(), vec(percent(), 4)), KEYS.len()),
        users in users(),
    ) {
        let before = evaluations(&world.flags(), &users);
        let mut world = world;
        for (flag, (rollout, rules)) in world.flags.iter_mut().zip(&raised) {
            flag.rollout = flag.rollout.max(*rollout);
            for (rule, rollout) in flag.rules.iter_mut().zip(rules) {
                rule.rollout = rule.rollout.max(*rollout);
            }
        }
        for (before, after) in before.iter().zip(evaluations(&world.flags(), &users)) {
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
        let segment = Segment::new().with_included(included.clone()).with_excluded(excluded.clone());
        let mut set = FlagSet::new();
        set.insert_segment("staff", condition.clone().into_iter().fold(segment, Segment::when));
        let rule = Rule::new().with_segments([Reference::new("staff")]);
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
        let rule = RuleParts {
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
                    Reason::Invalid | Reason::Off => {}
                    Reason::Prerequisite { index } => prop_assert_eq!(Some(index), off),
                    _ => prop_assert_eq!(off, None),
                }
            }
        }
    }
}

/// Without variety in the generated worlds, the properties above would hold trivially.
#[test]
fn the_generated_worlds_vary() {
    let mut runner = TestRunner::deterministic();
    let (mut reasons, mut by_rule, mut with_variant, mut verdicts) = (HashMap::new(), 0, 0, HashMap::new());
    for _ in 0..200 {
        let tree = (world(), users(), condition()).new_tree(&mut runner).expect("a world");
        let (world, users, condition) = tree.current();
        for evaluation in evaluations(&world.flags(), &users) {
            *reasons.entry((evaluation.reason().as_str(), evaluation.is_on())).or_insert(0) += 1;
            by_rule += usize::from(evaluation.rule().is_some());
            with_variant += usize::from(evaluation.variant().is_some());
        }
        for user in &users {
            *verdicts.entry(condition.verdict(user)).or_insert(0) += 1;
        }
    }
    for (reason, on) in [
        ("on", true),
        ("rollout", true),
        ("rollout", false),
        ("missing-bucketing-value", false),
        ("prerequisite", false),
        ("off", false),
        ("invalid", false),
        ("not-found", false),
    ] {
        assert!(reasons.get(&(reason, on)) > Some(&30), "{reason} {on}: {reasons:?}");
    }
    assert!(by_rule > 200 && with_variant > 100, "{by_rule} by a rule, {with_variant} with a variant");
    assert!(verdicts.len() == 3 && verdicts.values().all(|count| *count > 30), "{verdicts:?}");
}
