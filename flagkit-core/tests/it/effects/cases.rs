//! Whether a change widens or narrows the audience of a flag, one change a line.

use flagkit_core::tooling::Effect::{self, Narrows, Neutral, Widens};

use crate::support::{flag_set, key, layers, only_a, percent};
use flagkit_core::source::{Condition, Metadata, Operator, Reference, Rule, Segment};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, Variant, Variants};

fn on(rollout: &str) -> Flag {
    Flag::on().with_rollout(percent(rollout))
}

fn rule(rollout: &str) -> Rule {
    Rule::new().with_rollout(percent(rollout))
}

fn countries<const N: usize>(countries: [&str; N]) -> Condition {
    Condition::attribute("country", Operator::one_of(countries))
}

fn effect(before: Option<Flag>, after: Option<Flag>) -> Option<Effect> {
    let snapshot =
        |flag: Option<Flag>| Flags::fixed(flag.into_iter().map(|flag| (key("a"), flag)).collect()).snapshot();
    snapshot(before).effects(&snapshot(after)).get("a").copied()
}

#[track_caller]
fn check(before: Flag, after: Flag, expected: Effect) {
    assert_eq!(effect(Some(before), Some(after)), Some(expected));
}

#[test]
fn a_switch_or_a_percentage_widens_or_narrows() {
    check(Flag::off(), Flag::on(), Widens);
    check(Flag::on(), Flag::off(), Narrows);
    check(on("25"), on("50"), Widens);
    check(on("50"), on("25"), Narrows);
    check(on("0"), Flag::off(), Neutral);
    check(Flag::off(), on("0"), Neutral);
    check(Flag::off(), Flag::off().with_rollout(Percent::ZERO), Neutral);
    check(on("25"), on("25").with_salt("other"), Widens);
    check(on("25"), on("10").with_salt("other"), Widens);
    check(on("25"), on("25").with_salt("a"), Neutral);
    check(Flag::on(), on("25").with_salt("other").with_bucket_by("account"), Narrows);
    check(on("25"), on("25").with_bucket_by("account"), Widens);
    assert_eq!(effect(None, Some(Flag::off())), Some(Neutral));
    assert_eq!(effect(None, Some(on("1"))), Some(Widens));
    assert_eq!(effect(Some(on("1")), None), Some(Narrows));
    assert_eq!(effect(Some(on("1")), Some(on("1"))), None, "no change");
    let mut metadata = Metadata::default();
    metadata.owner = Some("search".into());
    check(on("1"), on("1").with_metadata(metadata), Neutral);
}

#[test]
fn a_rule_widens_or_narrows() {
    let beta = |rules: Vec<Rule>| on("0").with_rules(rules);
    let iberia = || rule("100").when(countries(["PT", "ES"]));
    check(beta(vec![]), beta(vec![iberia()]), Widens);
    check(beta(vec![iberia()]), beta(vec![]), Narrows);
    check(beta(vec![iberia()]), beta(vec![rule("100").when(countries(["PT"]))]), Narrows);
    check(beta(vec![iberia()]), beta(vec![rule("100").when(countries(["PT", "ES", "FR"]))]), Widens);
    check(beta(vec![iberia()]), beta(vec![iberia().with_name("iberia")]), Neutral);
    check(beta(vec![iberia()]), beta(vec![rule("50").when(countries(["PT", "ES"]))]), Narrows);
    let both = Condition::all([countries(["PT", "ES"]), Condition::attribute("beta", Operator::exists())]);
    check(beta(vec![iberia()]), beta(vec![rule("100").when(both.expect("two"))]), Narrows);
    check(beta(vec![iberia()]), beta(vec![iberia().with_subjects(["u1"])]), Narrows);
    check(beta(vec![iberia().with_subjects(["u1", "u2"])]), beta(vec![iberia().with_subjects(["u1"])]), Narrows);
    check(beta(vec![iberia().with_subjects(["u1"])]), beta(vec![iberia()]), Widens);
}

#[test]
fn a_subject_that_leaves_a_rule_gets_the_next() {
    let few = || rule("10").when(countries(["PT"]));
    // The rule excluded most subjects in Portugal.
    check(on("50").with_rules([few()]), on("50"), Widens);
    check(on("50").with_rules([rule("0").when(countries(["PT"]))]), on("50"), Widens);
    check(on("10").with_rules([rule("50").when(countries(["PT"]))]), on("10"), Narrows);
    check(on("50"), on("50").with_rules([rule("0").when(countries(["PT"]))]), Narrows);
    check(on("50"), on("50").with_rules([few()]), Widens);
    let (all, none) = (rule("100").when(countries(["PT"])), rule("0").when(countries(["PT", "ES"])));
    check(on("0").with_rules([all.clone()]), on("0").with_rules([none.clone(), all.clone()]), Narrows);
    check(on("0").with_rules([none.clone(), all.clone()]), on("0").with_rules([all, none]), Widens);
}

#[test]
fn a_changed_variant_is_an_effect() {
    let weights = |blue: u64, red: u64| {
        Variants::new([(Variant::new("blue"), blue), (Variant::new("red"), red)]).expect("weights")
    };
    check(Flag::on().with_variants(weights(1, 1)), Flag::on().with_variants(weights(1, 3)), Widens);
    check(Flag::on().with_variants(weights(1, 1)), on("10").with_variants(weights(1, 1)), Narrows);
    check(Flag::on(), Flag::on().with_variants(weights(1, 1)), Widens);
    check(Flag::on().with_variants(weights(1, 1)), Flag::on(), Narrows);
    check(Flag::on().with_variants(weights(1, 1)), Flag::off().with_variants(weights(1, 3)), Narrows);
    let off = || Flag::off().with_variants(weights(1, 1));
    check(off(), off().with_off_variant("red"), Widens);
    check(off().with_off_variant("red"), off(), Narrows);
}

#[test]
fn changes_of_prerequisites_and_segments_affect_the_flags_that_use_them() {
    let snapshot = |base: Flag, staff: Segment| {
        let for_staff = on("0").with_rules([rule("100").with_segments([Reference::new("staff")])]);
        let dependent = Flag::on().with_prerequisites([Reference::new("base")]);
        let mut set = flag_set([("base", base), ("dependent", dependent), ("for-staff", for_staff)]);
        set.insert_segment("staff", staff);
        Flags::fixed(set).snapshot()
    };
    let staff = |ids: &[&'static str]| Segment::new().with_included(ids.iter().copied());
    let smaller = snapshot(on("10"), staff(&["u1"]));
    let larger = snapshot(on("20"), staff(&["u1", "u2"]));
    let lines = |effects: std::collections::BTreeMap<FlagKey, Effect>| {
        effects.into_iter().map(|(key, effect)| format!("{key} {}", effect.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(lines(smaller.effects(&larger)), ["base widens", "dependent widens", "for-staff widens"]);
    assert_eq!(lines(larger.effects(&smaller)), ["base narrows", "dependent narrows", "for-staff narrows"]);
    assert_eq!(lines(smaller.effects(&smaller)), Vec::<String>::new());
    let without = snapshot(on("10"), staff(&["u1"]).with_excluded(["u1"]));
    assert_eq!(lines(smaller.effects(&without)), ["for-staff narrows"]);
}

#[test]
fn only_the_effective_flag_of_all_layers_counts() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(only_a(on("50").with_salt("s")));
    high.publish(only_a(on("20")));
    let before = flags.snapshot();
    low.publish(only_a(Flag::on().with_salt("s")));
    assert_eq!(before.effects(&flags.snapshot()).len(), 0, "the lower layer has no effect");
    high.publish(only_a(on("10")));
    assert_eq!(before.effects(&flags.snapshot()).into_values().collect::<Vec<_>>(), [Narrows]);
    high.publish(FlagSet::new());
    assert_eq!(before.effects(&flags.snapshot()).into_values().collect::<Vec<_>>(), [Widens]);
}
