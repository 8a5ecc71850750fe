//! A line may have its own seed and number of points, so that users of another system keep their places.

use std::collections::BTreeMap;

use flagkit_core::bucket::{Bucketing, Point, Seed};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, Provenance, Rule, Variant, Variants, flag};

fn key(text: &str) -> FlagKey {
    FlagKey::new(text).expect("a key")
}

fn fixed<const N: usize>(flags: [(&str, Flag); N]) -> Flags {
    Flags::fixed(flags.into_iter().map(|(text, flag)| (key(text), flag)).collect::<FlagSet>())
}

fn percent(text: &str) -> Percent {
    text.parse().expect(text)
}

fn points(points: u32) -> Bucketing {
    Bucketing::new().with_points(points).expect("a number of points")
}

#[test]
fn a_line_has_points_and_no_more_than_there_are() {
    for bad in [0, (1 << 31) + 1, u32::MAX] {
        let error = Bucketing::new().with_points(bad).expect_err("not a line");
        assert_eq!(error.to_string(), format!("a line of {bad} points; a line has 1 to 2147483648"));
    }
    assert_eq!(Bucketing::new().with_points(1 << 31), Ok(Bucketing::new()));
}

#[test]
fn a_share_of_a_hundred_points_is_of_a_hundred() {
    let flags = fixed([
        ("hundred", Flag::on().with_rollout(percent("25.9")).with_bucketing(points(100))),
        ("quarter", Flag::on().with_rollout(percent("25")).with_salt("hundred")),
        ("one", Flag::on().with_rollout(percent("99.9")).with_bucketing(points(1))),
        ("whole", Flag::on().with_bucketing(points(1))),
    ]);
    for id in 0..10_000 {
        assert_eq!(flags.is_on("hundred", &id), flags.is_on("quarter", &id), "{id}: 25.9 % are 25 points");
        assert!(!flags.is_on("one", &id), "{id}: less than the only point");
        assert!(flags.is_on("whole", &id), "{id}");
    }
}

#[test]
fn a_seed_may_be_given_in_place_of_the_salt() {
    let seed = Seed::from_bits(7);
    let half = Flag::on().with_rollout(percent("50"));
    let flags = fixed([("seeded", half.clone().with_bucketing(Bucketing::new().with_seed(seed))), ("salted", half)]);
    let by_hand = |id: u32| Point::of(id, seed).to_bits() < 1 << 30;
    assert!((0..1_000).all(|id| flags.is_on("seeded", &id) == by_hand(id)));
    assert!((0..1_000).any(|id| flags.is_on("salted", &id) != by_hand(id)));
}

#[test]
fn variants_are_dealt_on_the_same_number_of_points() {
    let weights = |a: u64, b: u64| Variants::new([(Variant::new("a"), a), (Variant::new("b"), b)]).expect("weights");
    for (line, a, b) in [(100, 1, 1), (1_000, 25, 75), (1, 1, 1), (1 << 31, 1, 3)] {
        let flags = fixed([("theme", Flag::on().with_variants(weights(a, b)).with_bucketing(points(line)))]);
        let mut counts = BTreeMap::new();
        for id in 0..20_000 {
            let variant = flags.variant("theme", &id).expect("everybody gets one");
            *counts.entry(variant.name().to_owned()).or_insert(0_u32) += 1;
        }
        let got = counts.get("a").copied().unwrap_or(0);
        // Of a line of one point, the first share is none of it.
        let expected = if line == 1 { 0 } else { 20_000 * a / (a + b) };
        assert!(u64::from(got).abs_diff(expected) < 300, "{line} points: {counts:?}");
    }
}

#[test]
fn a_rule_has_its_own_line_or_its_flags() {
    let rule = Rule::new().with_rollout(percent("50"));
    let own = Bucketing::new().with_seed(Seed::from_bits(1));
    let flags_own = Bucketing::new().with_seed(Seed::from_bits(2));
    let flags = fixed([
        ("own", Flag::on().with_bucketing(flags_own).with_rules([rule.clone().with_bucketing(own)])),
        ("flags", Flag::on().with_bucketing(flags_own).with_rules([rule])),
    ]);
    let by_hand = |id: u32, seed: u32| Point::of(id, Seed::from_bits(seed)).to_bits() < 1 << 30;
    assert!((0..1_000).all(|id| flags.is_on("own", &id) == by_hand(id, 1)));
    assert!((0..1_000).all(|id| flags.is_on("flags", &id) == by_hand(id, 2)));
}

#[test]
fn an_override_keeps_the_line() {
    let flags = Flags::new();
    let (low, high) = (flags.add_layer(Provenance::new("low:")), flags.add_layer(Provenance::new("high:")));
    let seed = Seed::from_bits(7);
    low.publish(FlagSet::from_iter([(key("a"), Flag::off().with_bucketing(Bucketing::new().with_seed(seed)))]));
    high.publish(FlagSet::from_iter([(key("a"), Flag::on().with_rollout(percent("50")))]));
    for id in 0..1_000_u32 {
        let expected = Point::of(id, seed).to_bits() < 1 << 30;
        assert_eq!(flag!(in flags, "a", id), expected, "{id}");
    }
}
