//! A flag may have its own seed and number of points, so that the users of another system keep their buckets.

use std::collections::BTreeMap;

use flagkit_core::bucket::{Bucketing, Point, Seed};

use crate::support::{fixed, layers, only_a, percent};
use flagkit_core::source::Rule;
use flagkit_core::{Flag, Variant, Variants, flag};

fn points(points: u32) -> Bucketing {
    Bucketing::new().with_points(points).expect("a number of points")
}

#[test]
fn the_number_of_points_has_bounds() {
    for bad in [0, (1 << 31) + 1, u32::MAX] {
        let error = Bucketing::new().with_points(bad).expect_err("out of bounds");
        assert_eq!(error.to_string(), format!("got {bad} buckets, expected 1 to 2147483648"));
    }
    assert_eq!(Bucketing::new().with_points(1 << 31).ok(), Some(Bucketing::new()));
}

#[test]
fn a_percentage_of_a_hundred_points_is_rounded_down_to_whole_points() {
    let flags = fixed([
        ("hundred", Flag::on().with_rollout(percent("25.9")).with_bucketing(points(100))),
        ("quarter", Flag::on().with_rollout(percent("25")).with_salt("hundred")),
        ("one", Flag::on().with_rollout(percent("99.9")).with_bucketing(points(1))),
        ("whole", Flag::on().with_bucketing(points(1))),
    ]);
    for id in 0..10_000 {
        assert_eq!(flags.is_on("hundred", &id), flags.is_on("quarter", &id), "{id}: 25.9 % is 25 points");
        assert!(!flags.is_on("one", &id), "{id}: less than one point");
        assert!(flags.is_on("whole", &id), "{id}");
    }
}

#[test]
fn a_seed_may_replace_the_salt() {
    let seed = Seed::from_bits(7);
    let half = Flag::on().with_rollout(percent("50"));
    let flags = fixed([("seeded", half.clone().with_bucketing(Bucketing::new().with_seed(seed))), ("salted", half)]);
    let expected = |id: u32| Point::of(id, seed).to_bits() < 1 << 30;
    assert!((0..1_000).all(|id| flags.is_on("seeded", &id) == expected(id)));
    assert!((0..1_000).any(|id| flags.is_on("salted", &id) != expected(id)));
}

#[test]
fn variants_are_assigned_over_the_same_number_of_points() {
    let weights = |a: u64, b: u64| Variants::new([(Variant::new("a"), a), (Variant::new("b"), b)]).expect("weights");
    for (count, a, b) in [(100, 1, 1), (1_000, 25, 75), (1, 1, 1), (1 << 31, 1, 3)] {
        let flags = fixed([("theme", Flag::on().with_variants(weights(a, b)).with_bucketing(points(count)))]);
        let mut counts = BTreeMap::new();
        for id in 0..20_000 {
            let variant = flags.variant("theme", &id).expect("every subject gets one");
            *counts.entry(variant.name().to_owned()).or_insert(0_u32) += 1;
        }
        let got = counts.get("a").copied().unwrap_or(0);
        // A share of one point is rounded down to none.
        let expected = if count == 1 { 0 } else { 20_000 * a / (a + b) };
        assert!(u64::from(got).abs_diff(expected) < 300, "{count} points: {counts:?}");
    }
}

#[test]
fn a_rule_has_its_own_bucketing_or_that_of_its_flag() {
    let rule = Rule::new().with_rollout(percent("50"));
    let own = Bucketing::new().with_seed(Seed::from_bits(1));
    let flags_own = Bucketing::new().with_seed(Seed::from_bits(2));
    let flags = fixed([
        ("own", Flag::on().with_bucketing(flags_own).with_rules([rule.clone().with_bucketing(own)])),
        ("flags", Flag::on().with_bucketing(flags_own).with_rules([rule])),
    ]);
    let expected = |id: u32, seed: u32| Point::of(id, Seed::from_bits(seed)).to_bits() < 1 << 30;
    assert!((0..1_000).all(|id| flags.is_on("own", &id) == expected(id, 1)));
    assert!((0..1_000).all(|id| flags.is_on("flags", &id) == expected(id, 2)));
}

#[test]
fn an_override_keeps_the_bucketing() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    let seed = Seed::from_bits(7);
    low.publish(only_a(Flag::off().with_bucketing(Bucketing::new().with_seed(seed))));
    high.publish(only_a(Flag::on().with_rollout(percent("50"))));
    for id in 0..1_000_u32 {
        let expected = Point::of(id, seed).to_bits() < 1 << 30;
        assert_eq!(flag!(in flags, "a", id), expected, "{id}");
    }
}
