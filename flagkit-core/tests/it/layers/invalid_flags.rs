//! An invalid declaration leaves the last good flag of its layer in effect. Without one, the flag is dark, whatever the
//! lower layers declare.

use flagkit_core::source::EnvKey;
use flagkit_core::source::{Load, Problem, Provenance};
use flagkit_core::{Flag, FlagSet, Flags, Percent, Reason};

use crate::support::{flag_set, key, layers};

fn invalid(text: &str) -> FlagSet {
    let mut set = FlagSet::new();
    set.insert_invalid(key(text));
    set
}

#[test]
fn the_last_good_flag_stays_for_as_long_as_the_key_is_invalid() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let half = Flag::on().with_rollout(Percent::new(50).expect("a percentage")).with_salt("s");
    publisher.publish(flag_set([("a", half.clone())]));
    for _ in 0..3 {
        publisher.publish(invalid("a"));
        assert_eq!(flags.snapshot().flag("a"), Some(&half));
    }
    assert_eq!(flags.status().revision, 1, "readers and subscribers observe no change");
    assert_eq!(publisher.last_good().and_then(|set| set.get("a").cloned()), Some(half));
    publisher.publish(flag_set([("a", Flag::off())]));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Off);
}

#[test]
fn the_other_flags_of_the_load_take_effect() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(flag_set([("a", Flag::on()), ("b", Flag::off())]));
    let mut load = flag_set([("b", Flag::on()), ("c", Flag::on())]);
    load.insert_invalid(key("a"));
    publisher.publish(Load::new(load).with_problems([Problem::new("flags.a.rollout", "120", "a percentage")]));
    assert!(["a", "b", "c"].iter().all(|key| flags.is_on(key, &())));
    let source = &flags.status().sources[0];
    assert_eq!((source.problems.len(), source.flags, source.loads, source.failures), (1, 3, 2, 0));
}

#[test]
fn without_an_earlier_flag_it_is_dark_even_over_a_lower_layer_that_is_on() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", Flag::on())]));
    assert!(flags.is_on("a", &()));
    high.publish(invalid("a"));
    let evaluation = flags.evaluate("a", &());
    assert!(!evaluation.is_on());
    assert_eq!(evaluation.reason(), Reason::Invalid);
    assert_eq!(evaluation.layer().map(Provenance::as_str), Some("high:"));
    assert_eq!(flags.snapshot().flag("a"), None);
    high.publish(FlagSet::new());
    assert!(flags.is_on("a", &()), "once it is removed, the lower layer takes effect");
}

#[test]
fn a_flag_that_was_removed_in_between_does_not_come_back() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(flag_set([("a", Flag::on())]));
    publisher.publish(FlagSet::new());
    publisher.publish(invalid("a"));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Invalid);
}

#[test]
fn a_layer_above_still_decides() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(invalid("a"));
    high.publish(flag_set([("a", Flag::on())]));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::On);
}

#[test]
fn an_invalid_flag_between_does_not_hide_the_salt_of_the_declaration() {
    let (flags, [low, middle, high]) = layers(["low:", "middle:", "high:"]);
    low.publish(flag_set([("a", Flag::off().with_salt("s"))]));
    middle.publish(invalid("a"));
    high.publish(flag_set([("a", Flag::on())]));
    assert_eq!(flags.snapshot().flag("a"), Some(&Flag::on().with_salt("s")));
}

#[test]
fn the_last_good_flag_inherits_from_the_current_layers() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", Flag::off().with_salt("old"))]));
    high.publish(flag_set([("a", Flag::on())]));
    high.publish(invalid("a"));
    low.publish(flag_set([("a", Flag::off().with_salt("new"))]));
    assert_eq!(flags.snapshot().flag("a"), Some(&Flag::on().with_salt("new")));
}

#[test]
fn an_invalid_env_key_keeps_its_last_good_flag_too() {
    let (flags, [file, env]) = layers(["file:", "env:"]);
    let env_key = EnvKey::new("A_B").expect("an environment key");
    file.publish(flag_set([("a-b", Flag::off())]));
    let mut invalid = FlagSet::new();
    invalid.insert_invalid_folded(env_key.clone());
    env.publish(invalid.clone());
    assert_eq!(flags.evaluate("a-b", &()).reason(), Reason::Invalid);
    assert_eq!(flags.evaluate("a.b", &()).reason(), Reason::NotFound, "it matches only the declared key");
    let mut good = FlagSet::new();
    good.insert_folded(env_key, Flag::on());
    env.publish(good);
    env.publish(invalid);
    assert_eq!(flags.evaluate("a-b", &()).reason(), Reason::On);
}

#[test]
fn an_invalid_env_key_without_a_declared_key_is_dark() {
    let flags = Flags::new();
    let mut invalid = FlagSet::new();
    invalid.insert_invalid_folded(EnvKey::new("A_B").expect("an environment key"));
    flags.add_layer(Provenance::new("env:")).publish(invalid);
    assert_eq!(flags.evaluate("a-b", &()).reason(), Reason::Invalid);
    assert_eq!(flags.snapshot().flag("a-b"), None);
}
