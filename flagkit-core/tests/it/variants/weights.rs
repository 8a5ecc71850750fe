//! Variants are assigned in proportion to their weights, independently of the rollout.

use std::collections::BTreeMap;

use flagkit_core::source::{Condition, Operator, Rule};
use flagkit_core::{Context, Flag, Flags, Percent, Variant, Variants};

use crate::support::fixed;

const IDS: u32 = 200_000;
/// A weight of one, in millionths.
const ONE: u64 = 1_000_000;

fn variants(weights: &[u64]) -> Variants {
    let named = weights.iter().enumerate().map(|(index, weight)| (Variant::new(&name(index)), *weight));
    Variants::new(named).expect("variants")
}

fn name(index: usize) -> String {
    format!("variant-{index:02}")
}

fn percent(whole: u8) -> Percent {
    Percent::new(whole).expect("a percentage")
}

/// The number of ids per variant, and under `None` the number of ids without one.
fn counts(flags: &Flags, key: &str) -> BTreeMap<Option<String>, u32> {
    let snapshot = flags.snapshot();
    let mut counts = BTreeMap::new();
    for id in 0..IDS {
        let name = snapshot.variant(key, &id).map(|variant| variant.name().to_owned());
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// Asserts that a binomial count is within four standard deviations of its expected value. Chance exceeds that once in
/// 16,000 cases. The ids and the hash never change, so the result does not change either.
fn assert_share(count: u32, of: u32, share: f64, name: &str) {
    let expected = f64::from(of) * share;
    let sigma = (expected * (1.0 - share)).sqrt();
    assert!((f64::from(count) - expected).abs() <= 4.0 * sigma, "{count} of {of} for {share} of {name}");
}

/// Pearson's chi-square statistic, which measures how far rows and columns are from independence.
fn chi_square(table: &[Vec<u32>]) -> f64 {
    let sum = |row: &Vec<u32>| f64::from(row.iter().sum::<u32>());
    let total: f64 = table.iter().map(sum).sum();
    let columns: Vec<f64> =
        (0..table[0].len()).map(|column| table.iter().map(|row| f64::from(row[column])).sum()).collect();
    let deviations = table.iter().flat_map(|row| {
        let share = sum(row) / total;
        row.iter().zip(&columns).map(move |(count, column)| {
            let expected = share * column;
            (f64::from(*count) - expected).powi(2) / expected
        })
    });
    deviations.sum()
}

#[test]
#[allow(clippy::cast_precision_loss)] // weights are below 2^52
fn shares_follow_weights() {
    for (salt, weights) in [
        ("halves", vec![ONE, ONE]),
        ("any scale", vec![300_000 * ONE, 700_000 * ONE]),
        ("thirds", vec![33_333_333, 33_333_333, 33_333_334]),
        ("fractions", vec![50 * ONE, 25_500_000, 24_500_000]),
        ("one percent", vec![990_000, 10_000]),
        ("a zero before, between and after", vec![0, 3 * ONE, 0, ONE, 0]),
        ("all for one variant", vec![0, ONE, 0]),
        ("only one", vec![1]),
        ("the least and the greatest", vec![1, Variants::MAX_WEIGHT]),
        ("twenty", vec![5 * ONE; 20]),
        ("ascending", (1..=10).map(|weight| weight * 100_000).collect()),
    ] {
        let flags = fixed([("theme", Flag::on().with_salt(salt).with_variants(variants(&weights)))]);
        let counts = counts(&flags, "theme");
        let total: u64 = weights.iter().sum();
        assert_eq!(counts.get(&None), None, "{salt}: every subject gets one");
        for (index, weight) in weights.iter().enumerate() {
            let count = counts.get(&Some(name(index))).copied().unwrap_or_default();
            if *weight == 0 {
                assert_eq!(count, 0, "{salt}: a weight of zero is for no subject");
            } else {
                assert_share(count, IDS, *weight as f64 / total as f64, salt);
            }
        }
    }
}

#[test]
fn the_order_in_which_variants_are_written_does_not_matter() {
    let weights = [("blue", ONE), ("green", 2 * ONE), ("red", 3 * ONE)];
    let written = |order: [usize; 3]| {
        let variants = order.map(|index| weights[index]).map(|(name, weight)| (Variant::new(name), weight));
        Flag::on().with_salt("s").with_variants(Variants::new(variants).expect("variants"))
    };
    let flags = fixed([("a", written([0, 1, 2])), ("b", written([2, 0, 1]))]);
    for id in 0..1_000 {
        assert_eq!(flags.variant("a", &id), flags.variant("b", &id), "{id}");
    }
}

#[test]
fn a_raised_rollout_changes_no_variant() {
    let theme = variants(&[ONE, 2 * ONE, 0, ONE / 2]);
    let all = fixed([("theme", Flag::on().with_variants(theme.clone()))]);
    let assigned: Vec<Option<Variant>> = (0..2_000).map(|id| all.variant("theme", &id)).collect();
    assert!(assigned.iter().all(Option::is_some));
    for rollout in 0..=100 {
        let part = Flag::on().with_rollout(percent(rollout)).with_variants(theme.clone());
        let rule = Rule::new().when(Condition::attribute("beta", Operator::one_of([true])));
        let by_rule = Flag::on().with_rules([rule.with_rollout(percent(rollout))]).with_variants(theme.clone());
        let flags = fixed([("theme", part)]);
        let ruled = fixed([("theme", by_rule)]);
        for (id, assigned) in (0..).zip(&assigned) {
            let variant = flags.variant("theme", &id);
            assert_eq!(variant.is_some(), flags.is_on("theme", &id), "{id} at {rollout} percent");
            assert!(variant.is_none() || variant == *assigned, "{id} at {rollout} percent");
            let variant = ruled.variant("theme", &Context::new(id).with("beta", true));
            assert!(variant.is_none() || variant == *assigned, "{id} at {rollout} percent of a rule");
        }
    }
}

#[test]
fn variants_are_independent_of_the_rollout() {
    let weights = [50, 30, 20];
    let theme = variants(&weights);
    // A row per tenth of the rollout, a column per variant.
    let mut table = vec![vec![0_u32; 3]; 10];
    let steps: Vec<Flags> = (1..=10)
        .map(|tenth| fixed([("theme", Flag::on().with_rollout(percent(10 * tenth)).with_variants(theme.clone()))]))
        .collect();
    let snapshots: Vec<_> = steps.iter().map(Flags::snapshot).collect();
    for id in 0..IDS {
        let tenth = snapshots.iter().position(|snapshot| snapshot.is_on("theme", &id)).expect("on at 100 percent");
        let variant = snapshots[tenth].variant("theme", &id).expect("a variant");
        let column = (0..3).find(|index| name(*index) == variant.name()).expect("one of the three");
        table[tenth][column] += 1;
    }
    // Chance exceeds these bounds once in a thousand cases, with 2 and 18 degrees of freedom.
    let first: u32 = table[0].iter().sum();
    let goodness: f64 = table[0]
        .iter()
        .zip(weights)
        .map(|(count, weight)| {
            let expected = f64::from(first) * f64::from(u32::try_from(weight).expect("small")) / 100.0;
            (f64::from(*count) - expected).powi(2) / expected
        })
        .sum();
    assert!(goodness < 13.82, "the first tenth gets {:?}", table[0]);
    assert!(chi_square(&table) < 42.31, "{table:?}");
}

#[test]
fn variants_of_two_flags_are_independent_unless_they_share_a_salt() {
    let flags = fixed([
        ("a", Flag::on().with_variants(variants(&[1, 1, 1]))),
        ("b", Flag::on().with_variants(variants(&[1, 1, 1]))),
        ("c", Flag::on().with_salt("a").with_variants(variants(&[1, 1, 1]))),
    ]);
    let mut table = vec![vec![0_u32; 3]; 3];
    let snapshot = flags.snapshot();
    for id in 0..IDS {
        let column = |key| {
            let variant = snapshot.variant(key, &id).expect("a variant");
            (0..3).find(|index| name(*index) == variant.name()).expect("one of the three")
        };
        table[column("a")][column("b")] += 1;
        assert_eq!(column("a"), column("c"), "{id}");
    }
    // Four degrees of freedom.
    assert!(chi_square(&table) < 18.47, "{table:?}");
}

#[test]
fn a_variant_is_assigned_by_the_attribute_of_the_rule() {
    let rule = Rule::new().with_subjects(["u1", "u2"]).with_bucket_by("team");
    let flags = fixed([
        (
            "ruled",
            Flag::on().with_bucket_by("account").with_rules([rule]).with_salt("s").with_variants(variants(&[1; 10])),
        ),
        ("by-id", Flag::on().with_salt("s").with_variants(variants(&[1; 10]))),
    ]);
    let assigned = |id: &str| flags.variant("by-id", id);
    for number in 0..100 {
        let (account, team) = (format!("account-{number}"), format!("team-{number}"));
        let user = |id: &str| Context::new(id).with("account", &account).with("team", &team);
        assert_eq!(flags.variant("ruled", &user("u1")), assigned(&team), "assigned by the attribute of the rule");
        assert_eq!(flags.variant("ruled", &user("u2")), assigned(&team), "every user of a team gets the same");
        assert_eq!(flags.variant("ruled", &user("u3")), assigned(&account), "assigned by the attribute of the flag");
    }
    let without_team = Context::new("u1").with("account", "account-1");
    assert!(flags.is_on("ruled", &without_team), "100 % needs no hash");
    assert_eq!(flags.variant("ruled", &without_team), None, "the attribute to hash is missing");
}

#[test]
fn a_rule_gives_its_variant_only_to_the_subjects_it_includes() {
    let pinned = Rule::new().with_subjects(["u1"]).with_variant("variant-01");
    let excluding = Rule::new()
        .when(Condition::attribute("plan", Operator::one_of(["free"])))
        .with_rollout(Percent::ZERO)
        .with_variant("variant-01");
    let anonymous = Rule::new().when(Condition::attribute("beta", Operator::one_of([true]))).with_variant("variant-01");
    let flag = Flag::on().with_rules([pinned, excluding, anonymous]).with_variants(variants(&[1, 0]));
    let flags = fixed([("theme", flag)]);
    let variant = |subject: &Context| flags.variant("theme", subject).map(|variant| variant.name().to_owned());
    assert_eq!(variant(&Context::new("u1")).as_deref(), Some("variant-01"), "even with a weight of zero");
    assert_eq!(variant(&Context::new("u2")).as_deref(), Some("variant-00"));
    assert_eq!(variant(&Context::new("u2").with("plan", "free")), None);
    assert_eq!(
        variant(&Context::anonymous().with("beta", true)).as_deref(),
        Some("variant-01"),
        "a fixed variant needs no id"
    );
    assert_eq!(variant(&Context::anonymous()).as_deref(), Some("variant-00"), "it has all the weight");
}

#[test]
fn a_rule_may_assign_its_own_variants_with_its_own_salt() {
    let own = Variants::new([(Variant::new("rare"), ONE), (Variant::new("common"), 9 * ONE)]).expect("variants");
    let rule = Rule::new().with_rollout(percent(50)).with_salt("other").with_variants(own.clone());
    let flag = Flag::on().with_variants(variants(&[ONE])).with_rules([rule.clone()]);
    // A flag with the same settings as the rule.
    let expected = Flag::on().with_rollout(percent(50)).with_salt("other").with_variants(own);
    let flags = fixed([("a", flag), ("expected", expected)]);
    let assigned = counts(&flags, "a");
    assert_eq!(assigned, counts(&flags, "expected"));
    let count = |name: &str| assigned.get(&Some(name.to_owned())).copied().unwrap_or(0);
    assert_share(count("rare"), IDS, 0.05, "rare");
    assert_share(count("common"), IDS, 0.45, "common");
    let snapshot = flags.snapshot();
    assert!((0..IDS).all(|id| snapshot.variant("a", &id) == snapshot.variant("expected", &id)));
    // A fixed variant of the rule is one of its own variants.
    let flags = fixed([("a", Flag::on().with_variants(variants(&[ONE])).with_rules([rule.with_variant("rare")]))]);
    assert_eq!(counts(&flags, "a").keys().cloned().collect::<Vec<_>>(), [None, Some("rare".to_owned())]);
}

#[test]
fn invalid_weights_are_rejected() {
    let two = |a: &str, b: &str, weights: [u64; 2]| {
        Variants::new([(Variant::new(a), weights[0]), (Variant::new(b), weights[1])])
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(two("a", "b", [0, 1]), Ok(()));
    assert_eq!(two("a", "a", [1, 1]), Err("got two variants of one name, expected distinct names".to_owned()));
    assert_eq!(two("a", "b", [0, 0]), Err("got weights that sum to 0, expected one above 0".to_owned()));
    assert_eq!(
        two("a", "b", [1, Variants::MAX_WEIGHT + 1]),
        Err("got a weight above 1000000, expected at most 1000000".to_owned())
    );
    assert_eq!(two("a", "b", [0, u64::MAX]), Err("got a weight above 1000000, expected at most 1000000".to_owned()));
    assert_eq!(
        Variants::new([]).map(|_| ()).map_err(|error| error.to_string()),
        Err("got no variants, expected at least one".to_owned())
    );
}

/// With many variants, the variant is found by binary search.
#[test]
fn each_of_many_variants_gets_its_share() {
    for count in [16, 17, 100] {
        let weights: Vec<u64> = (0..count).map(|index| if index % 3 == 0 { 0 } else { (index + 1) * ONE }).collect();
        let total: u64 = weights.iter().sum();
        let flags = fixed([("many", Flag::on().with_variants(variants(&weights)))]);
        let counts = counts(&flags, "many");
        for (index, weight) in weights.iter().enumerate() {
            let got = counts.get(&Some(name(index))).copied().unwrap_or(0);
            #[allow(clippy::cast_precision_loss)] // far below 2^52
            assert_share(got, IDS, *weight as f64 / total as f64, &name(index));
        }
    }
}

#[test]
fn a_variant_with_all_the_weight_is_that_of_every_subject() {
    let flag = |weights: &[u64]| Flag::on().with_variants(variants(weights));
    let own = Rule::new().with_subjects(["u1"]).with_variants(variants(&[0, 7]));
    let flags = fixed([
        ("one", flag(&[3])),
        ("of-three", flag(&[0, 3, 0])),
        ("two", flag(&[1, 1])),
        ("by", flag(&[3]).with_bucket_by("account")),
        ("rule", flag(&[1, 1]).with_rules([own])),
        ("off", Flag::off().with_variants(variants(&[3]))),
        ("half", flag(&[3]).with_rollout(percent(50))),
    ]);
    let assigned = |key: &str| flags.variant(key, &()).map(|variant| variant.name().to_owned());
    assert_eq!(assigned("one").as_deref(), Some("variant-00"));
    assert_eq!(assigned("of-three").as_deref(), Some("variant-01"));
    assert_eq!(assigned("by").as_deref(), Some("variant-00"));
    assert_eq!(["two", "rule", "off", "half"].map(assigned), [const { None }; 4]);
    assert_eq!(flags.variant("rule", "u1"), Some(Variant::new("variant-01")));
    assert!((0..100).all(|id| flags.variant("of-three", &id) == Some(Variant::new("variant-01"))));
}
