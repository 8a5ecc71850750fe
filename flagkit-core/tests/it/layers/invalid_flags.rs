//! A declaration that was not understood leaves the last good flag of its layer in force, or is dark; never a lower layer's.

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, FoldedKey, Load, Percent, Problem, Provenance, Reason};

fn key(text: &str) -> FlagKey {
    FlagKey::new(text).expect("a key")
}

fn set<const N: usize>(flags: [(&str, Flag); N]) -> FlagSet {
    flags.into_iter().map(|(text, flag)| (key(text), flag)).collect()
}

fn refusing(text: &str) -> FlagSet {
    let mut set = FlagSet::new();
    set.refuse(key(text));
    set
}

#[test]
fn the_last_good_flag_stays_for_as_long_as_the_key_is_refused() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let half = Flag::on().with_rollout(Percent::new(50).expect("a percentage")).with_salt("s");
    publisher.publish(set([("a", half.clone())]));
    for _ in 0..3 {
        publisher.publish(refusing("a"));
        assert_eq!(flags.snapshot().flag("a"), Some(&half));
    }
    assert_eq!(flags.status().revision, 1, "no reader and no subscriber notices");
    assert_eq!(publisher.last_good().and_then(|set| set.get("a").cloned()), Some(half));
    publisher.publish(set([("a", Flag::off())]));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Off);
}

#[test]
fn the_other_flags_of_the_load_count() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set([("a", Flag::on()), ("b", Flag::off())]));
    let mut load = set([("b", Flag::on()), ("c", Flag::on())]);
    load.refuse(key("a"));
    publisher.publish(Load::new(load).with_problems([Problem::new("flags.a.rollout", "120", "a percentage")]));
    assert!(["a", "b", "c"].iter().all(|key| flags.is_on(key, &())));
    let source = &flags.status().sources[0];
    assert_eq!((source.problems.len(), source.flags, source.loads, source.refusals), (1, 3, 2, 0));
}

#[test]
fn without_an_earlier_flag_it_is_dark_even_over_a_lower_layer_that_is_on() {
    let flags = Flags::new();
    let [low, high] = ["low:", "high:"].map(|name| flags.add_layer(Provenance::new(name)));
    low.publish(set([("a", Flag::on())]));
    assert!(flags.is_on("a", &()));
    high.publish(refusing("a"));
    let evaluation = flags.evaluate("a", &());
    assert!(!evaluation.is_on());
    assert_eq!(evaluation.reason(), Reason::Refused);
    assert_eq!(evaluation.layer().map(Provenance::as_str), Some("high:"));
    assert_eq!(flags.snapshot().flag("a"), None);
    high.publish(FlagSet::new());
    assert!(flags.is_on("a", &()), "taken out, the lower layer shows through");
}

#[test]
fn what_was_taken_out_in_between_does_not_come_back() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set([("a", Flag::on())]));
    publisher.publish(FlagSet::new());
    publisher.publish(refusing("a"));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Refused);
}

#[test]
fn a_layer_above_still_decides() {
    let flags = Flags::new();
    let [low, high] = ["low:", "high:"].map(|name| flags.add_layer(Provenance::new(name)));
    low.publish(refusing("a"));
    high.publish(set([("a", Flag::on())]));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::On);
}

#[test]
fn a_refused_layer_between_does_not_hide_the_salt_of_the_declaration() {
    let flags = Flags::new();
    let [low, middle, high] = ["low:", "middle:", "high:"].map(|name| flags.add_layer(Provenance::new(name)));
    low.publish(set([("a", Flag::off().with_salt("s"))]));
    middle.publish(refusing("a"));
    high.publish(set([("a", Flag::on())]));
    assert_eq!(flags.snapshot().flag("a"), Some(&Flag::on().with_salt("s")));
}

#[test]
fn the_last_good_flag_is_laid_over_the_layers_as_they_are_now() {
    let flags = Flags::new();
    let [low, high] = ["low:", "high:"].map(|name| flags.add_layer(Provenance::new(name)));
    low.publish(set([("a", Flag::off().with_salt("old"))]));
    high.publish(set([("a", Flag::on())]));
    high.publish(refusing("a"));
    low.publish(set([("a", Flag::off().with_salt("new"))]));
    assert_eq!(flags.snapshot().flag("a"), Some(&Flag::on().with_salt("new")));
}

#[test]
fn a_refused_folded_key_keeps_its_last_good_flag_too() {
    let flags = Flags::new();
    let [file, env] = ["file:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    let folded = FoldedKey::new("A_B").expect("a folded key");
    file.publish(set([("a-b", Flag::off())]));
    let mut refused = FlagSet::new();
    refused.refuse_folded(folded.clone());
    env.publish(refused.clone());
    assert_eq!(flags.evaluate("a-b", &()).reason(), Reason::Refused);
    assert_eq!(flags.evaluate("a.b", &()).reason(), Reason::Undeclared, "it stands for the declared key alone");
    let mut good = FlagSet::new();
    good.insert_folded(folded, Flag::on());
    env.publish(good);
    env.publish(refused);
    assert_eq!(flags.evaluate("a-b", &()).reason(), Reason::On);
}

#[test]
fn a_refused_folded_key_of_no_declared_key_is_dark() {
    let flags = Flags::new();
    let mut refused = FlagSet::new();
    refused.refuse_folded(FoldedKey::new("A_B").expect("a folded key"));
    flags.add_layer(Provenance::new("env:")).publish(refused);
    assert_eq!(flags.evaluate("a-b", &()).reason(), Reason::Refused);
    assert_eq!(flags.snapshot().flag("a-b"), None);
}
