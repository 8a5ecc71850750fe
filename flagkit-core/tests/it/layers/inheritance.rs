//! A flag that inherits keeps the parts of the layers below that it does not state.

use flagkit_core::source::{Condition, Location, Metadata, Operator, Reference, Rule};
use flagkit_core::tooling::{Effect, Part};
use flagkit_core::{Context, Flag, Flags, Reason, Variant, Variants};
use proptest::prelude::*;

use crate::support::{flag_set, key, layers, only_a, percent, source};

fn variants(names: [&str; 2]) -> Variants {
    Variants::new(names.map(|name| (Variant::new(name), 1))).expect("weights")
}

/// A declaration that states every part.
fn declared() -> Flag {
    let beta = Condition::attribute("plan", Operator::one_of(["beta"]));
    Flag::off()
        .with_rollout(percent("0"))
        .with_salt("s")
        .with_bucket_by("account")
        .with_prerequisites([Reference::new("base")])
        .with_rules([Rule::new().with_name("beta").when(beta)])
        .with_variants(variants(["blue", "red"]))
        .with_metadata(Metadata::default())
}

fn beta() -> Context {
    Context::new("user-1").with("plan", "beta").with("account", 7)
}

fn problems(flags: &Flags, layer: usize) -> Vec<String> {
    source(flags, layer).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn an_environment_turns_a_flag_on_and_keeps_its_rules() {
    let (flags, [base, prod]) = layers(["file:flags.toml", "file:flags.prod.toml"]);
    base.publish(flag_set([("a", declared()), ("base", Flag::on())]));
    assert!(!flags.is_on("a", &beta()));
    prod.publish(only_a(Flag::inherit().enabled()));
    assert!(flags.is_on("a", &beta()) && !flags.is_on("a", "user-2"));
    let snapshot = flags.snapshot();
    let merged = snapshot.flag("a").expect("it is declared");
    assert!(merged.is_enabled() && !merged.inherits());
    assert_eq!(
        (merged.salt(), merged.bucket_by(), merged.metadata()),
        (Some("s"), Some("account"), Some(&Metadata::default()))
    );
    assert_eq!(
        snapshot.evaluate("a", &beta()).layer().map(ToString::to_string),
        Some("file:flags.prod.toml".to_owned())
    );

    prod.publish(only_a(Flag::inherit().enabled().with_rollout(percent("100")).with_rules([])));
    assert!(flags.is_on("a", "user-2"), "an empty list of rules replaces the rules");
    base.publish(flag_set([("a", declared()), ("base", Flag::off())]));
    assert!(!flags.is_on("a", &beta()), "the prerequisite below still counts");
    prod.publish(only_a(Flag::inherit().enabled().with_prerequisites([])));
    assert!(flags.is_on("a", &beta()));
}

#[test]
fn a_change_below_reaches_the_flag_that_inherits() {
    let (flags, [base, prod]) = layers(["file:", "prod:"]);
    base.publish(only_a(Flag::off().with_rollout(percent("0"))));
    prod.publish(only_a(Flag::inherit().enabled()));
    let before = flags.snapshot();
    base.publish(only_a(Flag::off().with_rules([Rule::new().with_subjects(["user-1"])]).with_rollout(percent("0"))));
    assert!(flags.is_on("a", "user-1") && !flags.is_on("a", "user-2"));
    assert_eq!(before.effects(&flags.snapshot()).get(&key("a")), Some(&Effect::Widens));
    let before = flags.snapshot();
    prod.publish(only_a(Flag::inherit().disabled()));
    assert_eq!(before.effects(&flags.snapshot()).get(&key("a")), Some(&Effect::Narrows));
}

#[test]
fn three_layers_inherit_one_from_another() {
    let (flags, [base, region, prod]) = layers(["file:", "region:", "prod:"]);
    prod.publish(only_a(Flag::inherit().enabled()));
    region.publish(only_a(Flag::inherit().with_rollout(percent("0")).with_rules([Rule::new().with_subjects(["u"])])));
    base.publish(only_a(Flag::off().with_variants(variants(["blue", "red"]))));
    assert!(flags.is_on("a", "u") && !flags.is_on("a", "v") && flags.variant("a", "u").is_some());
    let explanation = flags.explain("a", "u");
    let parts: Vec<_> = explanation.parts().iter().map(|(part, layer)| (*part, layer.as_str())).collect();
    let expected =
        [(Part::Switch, "prod:"), (Part::Rollout, "region:"), (Part::Rules, "region:"), (Part::Variants, "file:")];
    assert_eq!(parts, expected);
    let text = explanation.to_string();
    assert!(text.contains("\n  on from prod:\n  rollout, rules from region:\n  variants from file:\n"), "{text}");
}

#[test]
fn the_parts_of_a_flag_of_one_layer_are_not_listed() {
    let (flags, [base, prod]) = layers(["file:", "prod:"]);
    base.publish(only_a(declared()));
    prod.publish(only_a(Flag::on()));
    assert!(flags.explain("a", "u").parts().is_empty());
    assert!(flags.explain("never", "u").parts().is_empty());
}

#[test]
fn without_a_flag_below_it_is_dark_and_a_problem_says_so() {
    let (flags, [base, prod]) = layers(["file:", "prod:"]);
    let live = Flag::inherit().enabled().with_inherit_location(Location { line: 3, column: 1 });
    prod.publish(only_a(live.clone()));
    assert_eq!(flags.evaluate("a", "u").reason(), Reason::Invalid);
    let problem = "3:1: flags.a.inherit: got no flag to inherit from, expected the flag in a lower layer; \
                   declare the flag in a lower layer, or remove `inherit` and state all of its parts here";
    assert_eq!(problems(&flags, 1), [problem]);

    base.publish(only_a(Flag::off()));
    assert!(flags.is_on("a", "u") && problems(&flags, 1).is_empty());
    base.publish(flag_set([]));
    assert_eq!(flags.evaluate("a", "u").reason(), Reason::Invalid, "it does not keep what was removed");
    assert_eq!(problems(&flags, 1), [problem]);

    prod.publish(only_a(Flag::inherit().disabled()));
    assert_eq!(flags.evaluate("a", "u").reason(), Reason::Off, "off is off, whatever is below");
    assert_eq!(problems(&flags, 1).len(), 1);
}

#[test]
fn nothing_is_inherited_from_an_invalid_flag() {
    let (flags, [base, region, prod]) = layers(["file:", "region:", "prod:"]);
    base.publish(only_a(Flag::on()));
    let mut invalid = flag_set([]);
    invalid.insert_invalid(key("a"));
    region.publish(invalid);
    prod.publish(only_a(Flag::inherit().enabled()));
    assert_eq!(flags.evaluate("a", "u").reason(), Reason::Invalid);
    prod.publish(only_a(Flag::on()));
    assert!(flags.is_on("a", "u"), "a flag that states all of its parts needs nothing below");

    // A layer between that states off is off, and still no base for a higher one.
    let (flags, [region, prod]) = layers(["region:", "prod:"]);
    region.publish(only_a(Flag::inherit().disabled()));
    prod.publish(only_a(Flag::inherit().enabled()));
    assert_eq!(flags.evaluate("a", "u").reason(), Reason::Invalid);
    prod.publish(flag_set([]));
    assert_eq!(flags.evaluate("a", "u").reason(), Reason::Off);
}

#[test]
fn variants_that_the_inherited_rules_need_are_checked() {
    let (flags, [base, prod]) = layers(["file:", "prod:"]);
    let red = Rule::new().with_variant("red");
    base.publish(only_a(Flag::on().with_variants(variants(["blue", "red"])).with_rules([red])));
    assert_eq!(flags.variant("a", "u"), Some(Variant::new("red")));
    prod.publish(only_a(Flag::inherit().with_variants(variants(["blue", "green"]))));
    assert_eq!(flags.variant("a", "u"), Some(Variant::new("red")), "it keeps its last valid definition");
    assert!(problems(&flags, 1)[0].contains("the unknown variant \"red\""), "{:?}", problems(&flags, 1));
}

#[test]
fn a_flag_by_environment_key_inherits_from_the_key_it_matches() {
    let (flags, [base, env]) = layers(["file:", "env:"]);
    base.publish(flag_set([(
        "new-search",
        Flag::off().with_rules([Rule::new().with_subjects(["u"])]).with_rollout(percent("0")),
    )]));
    let mut set = flag_set([]);
    set.insert_folded(flagkit_core::source::EnvKey::new("NEW_SEARCH").expect("a key"), Flag::inherit().enabled());
    set.insert_folded(flagkit_core::source::EnvKey::new("UNKNOWN").expect("a key"), Flag::inherit().enabled());
    env.publish(set);
    assert!(flags.is_on("new-search", "u") && !flags.is_on("new-search", "v"));
    assert_eq!(flags.evaluate("unknown", "u").reason(), Reason::Invalid);
}

#[test]
fn a_part_that_moves_to_another_layer_is_a_change() {
    let (flags, [base, region, prod]) = layers(["file:", "region:", "prod:"]);
    base.publish(only_a(Flag::on().with_rollout(percent("10"))));
    prod.publish(only_a(Flag::inherit().enabled()));
    region.publish(only_a(Flag::inherit().with_rollout(percent("10"))));
    let explanation = flags.explain("a", "u");
    assert_eq!(explanation.parts()[1].1.as_str(), "region:");
}

/// Any parts of a flag: switch, rollout, salt, prerequisites, rules, variants.
type Parts = (Option<bool>, Option<u32>, Option<String>, Option<bool>, Option<u8>, Option<bool>);

fn parts() -> impl Strategy<Value = Parts> {
    let some = proptest::option::of::<proptest::bool::Any>;
    let salt = proptest::option::of("[a-c]");
    (
        some(any::<bool>()),
        proptest::option::of(0..=100_000_000_u32),
        salt,
        some(any::<bool>()),
        proptest::option::of(0..3_u8),
        some(any::<bool>()),
    )
}

/// Sets parts of a flag.
fn with_parts(mut flag: Flag, (on, rollout, salt, requires, rules, has_variants): &Parts) -> Flag {
    match on {
        Some(true) => flag = flag.enabled(),
        Some(false) => flag = flag.disabled(),
        None => {}
    }
    if let Some(millionths) = rollout {
        flag = flag.with_rollout(flagkit_core::Percent::from_millionths(*millionths).expect("a percentage"));
    }
    if let Some(salt) = salt {
        flag = flag.with_salt(salt);
    }
    if let Some(base) = requires {
        flag = flag.with_prerequisites([Reference::new(if *base { "on" } else { "off" })]);
    }
    if let Some(count) = rules {
        flag = flag.with_rules((0..*count).map(|n| Rule::new().with_subjects([n.to_string().as_str()])));
    }
    if let Some(first) = has_variants {
        flag = flag.with_variants(variants(if *first { ["blue", "red"] } else { ["green", "pink"] }));
    }
    flag
}

/// The merged flag `a` and its answers, for a declaration and the flags above it.
fn merged(declared: Flag, above: impl IntoIterator<Item = Flag>) -> (Option<Flag>, Vec<(bool, Option<Variant>)>) {
    let flags = Flags::new();
    let base = flag_set([("a", declared), ("on", Flag::on()), ("off", Flag::off())]);
    flags.add_layer(flagkit_core::source::Provenance::new("file:")).publish(base);
    for flag in above {
        flags.add_layer(flagkit_core::source::Provenance::new("above:")).publish(only_a(flag));
    }
    let snapshot = flags.snapshot();
    let answers = (0..20).map(|id| (snapshot.is_on("a", &id), snapshot.variant("a", &id)));
    (snapshot.flag("a").cloned(), answers.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn inheriting_everything_is_the_flag_below(below in parts()) {
        let declared = with_parts(Flag::off(), &below);
        prop_assert_eq!(merged(declared.clone(), [Flag::inherit()]), merged(declared, []));
    }

    #[test]
    fn stating_everything_is_replacing(
        below in parts(),
        (on, rollout, salt) in (any::<bool>(), 0..=100_000_000_u32, proptest::option::of("[a-c]")),
        (requires, rules, which) in (any::<bool>(), 0..3_u8, any::<bool>()),
    ) {
        let all = (Some(on), Some(rollout), salt, Some(requires), Some(rules), Some(which));
        let declared = with_parts(Flag::off(), &below);
        let (inheriting, replacing) = (with_parts(Flag::inherit(), &all), with_parts(Flag::on(), &all));
        prop_assert_eq!(merged(declared.clone(), [inheriting]), merged(declared, [replacing]));
    }

    #[test]
    fn two_flags_that_inherit_are_one_with_the_parts_of_both(below in parts(), first in parts(), second in parts()) {
        // A salt stays with the lowest layer that states one, and is no part that is inherited.
        let (first, second) = ((first.0, first.1, None, first.3, first.4, first.5), (second.0, second.1, None, second.3, second.4, second.5));
        let both = (second.0.or(first.0), second.1.or(first.1), None, second.3.or(first.3), second.4.or(first.4), second.5.or(first.5));
        let declared = with_parts(Flag::off(), &below);
        let [first, second, both] = [&first, &second, &both].map(|parts| with_parts(Flag::inherit(), parts));
        prop_assert_eq!(merged(declared.clone(), [first, second]), merged(declared, [both]));
    }

    #[test]
    fn turning_off_always_works(below in parts(), above in parts()) {
        let off = with_parts(Flag::inherit(), &above).disabled();
        let (flag, answers) = merged(with_parts(Flag::off(), &below), [off]);
        prop_assert!(flag.is_some_and(|flag| !flag.is_enabled()));
        prop_assert!(answers.iter().all(|(on, _)| !on));
    }
}
