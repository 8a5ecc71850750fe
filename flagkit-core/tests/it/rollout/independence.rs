//! Two flags at 10 % include independent groups of subjects, unless the flags share a salt.

use std::sync::Arc;

use flagkit_core::{Flag, FlagKey, Flags, Percent, Snapshot};

const SUBJECTS: u32 = 400_000;

fn flags(flags: impl IntoIterator<Item = (&'static str, Flag)>) -> Arc<Snapshot> {
    let ten = Percent::new(10).expect("a percentage");
    let set = flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag.with_rollout(ten)));
    Flags::fixed(set.collect()).snapshot()
}

fn group(flags: &Snapshot, key: &str) -> Vec<bool> {
    (0..SUBJECTS).map(|id| flags.is_on(key, &id)).collect()
}

/// The correlation of two groups: 0 if they are independent, 1 if they are the same.
fn phi(one: &[bool], other: &[bool]) -> f64 {
    let share = |count: usize| f64::from(u32::try_from(count).expect("a count")) / f64::from(SUBJECTS);
    let both = share(one.iter().zip(other).filter(|&(one, other)| *one && *other).count());
    let one = share(one.iter().filter(|on| **on).count());
    let other = share(other.iter().filter(|on| **on).count());
    (both - one * other) / (one * (1.0 - one) * other * (1.0 - other)).sqrt()
}

#[test]
fn groups_of_two_keys_do_not_correlate() {
    let keys = ["search-v2", "search-v3", "new-checkout", "a", "b"];
    let flags = flags(keys.map(|key| (key, Flag::on())));
    let groups = keys.map(|key| group(&flags, key));
    for (index, one) in groups.iter().enumerate() {
        for (step, other) in groups[index + 1..].iter().enumerate() {
            let phi = phi(one, other);
            assert!(phi.abs() <= 0.01, "{} and {}: phi = {phi}", keys[index], keys[index + 1 + step]);
        }
    }
}

#[test]
fn groups_of_one_salt_are_the_same() {
    let flags = flags([("search-v2", Flag::on()), ("search-v3", Flag::on().with_salt("search-v2"))]);
    let phi = phi(&group(&flags, "search-v2"), &group(&flags, "search-v3"));
    assert!((phi - 1.0).abs() < 1e-9, "phi = {phi}");
}
