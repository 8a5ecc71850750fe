//! The name of an environment variable cannot spell every key. It overrides the one declared key that it matches, or
//! declares every spelling if none is declared.

use flagkit_core::bucket::{Point, Seed};

use crate::support::{flag_set, layers};
use flagkit_core::source::{EnvKey, Metadata, Provenance, Publisher, Reference, Rule};
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Percent, Reason};

fn env_set<const N: usize>(flags: [(&str, Flag); N]) -> FlagSet {
    let mut set = FlagSet::new();
    for (key, flag) in flags {
        set.insert_folded(EnvKey::new(key).expect("an environment key"), flag);
    }
    set
}

fn half() -> Flag {
    Flag::on().with_rollout(Percent::new(50).expect("a percentage"))
}

fn file_and_env() -> (Flags, [Publisher; 2]) {
    layers(["file:", "env:FLAG_"])
}

fn point(reason: Reason) -> Point {
    match reason {
        Reason::Rollout { point, .. } => point,
        other => panic!("expected a rollout, got {other}"),
    }
}

#[test]
fn it_overrides_the_one_declared_key_and_no_other() {
    let (flags, [file, env]) = file_and_env();
    file.publish(flag_set([("new-checkout", Flag::off()), ("other", Flag::off())]));
    env.publish(env_set([("NEW_CHECKOUT", Flag::on())]));
    let evaluation = flags.evaluate("new-checkout", &());
    assert_eq!((evaluation.reason(), evaluation.layer().map(Provenance::as_str)), (Reason::On, Some("env:FLAG_")));
    assert_eq!(flags.evaluate("other", &()).reason(), Reason::Off);
    for undeclared in ["new.checkout", "NEW_CHECKOUT", "New-Checkout"] {
        assert_eq!(flags.evaluate(undeclared, &()).reason(), Reason::NotFound, "{undeclared}");
    }
}

#[test]
fn it_overrides_whichever_spelling_is_declared() {
    for spelling in ["new-checkout", "new.checkout", "new_checkout", "NEW_CHECKOUT", "New-Checkout"] {
        let (flags, [file, env]) = file_and_env();
        file.publish(flag_set([(spelling, Flag::on())]));
        env.publish(env_set([("NEW_CHECKOUT", Flag::off())]));
        assert_eq!(flags.evaluate(spelling, &()).reason(), Reason::Off, "{spelling}");
    }
}

#[test]
fn it_inherits_from_the_declaration_like_any_override() {
    let (flags, [file, env]) = file_and_env();
    let mut metadata = Metadata::default();
    metadata.owner = Some("search".into());
    let declared = Flag::off().with_salt("s").with_bucket_by("account").with_metadata(metadata.clone());
    file.publish(flag_set([("new-checkout", declared)]));
    env.publish(env_set([("NEW_CHECKOUT", half())]));
    assert_eq!(
        flags.snapshot().flag("new-checkout"),
        Some(&half().with_salt("s").with_bucket_by("account").with_metadata(metadata))
    );
    let user = Context::new("user-1").with("account", "acme");
    assert_eq!(point(flags.evaluate("new-checkout", &user).reason()), Point::of("acme", Seed::from_salt("s")));
}

#[test]
fn it_matches_every_undeclared_spelling_when_none_is_declared() {
    let (flags, [_file, env]) = file_and_env();
    env.publish(env_set([("NEW_CHECKOUT", Flag::on()), ("ALPHA", Flag::off()), ("ZETA", Flag::on())]));
    for key in ["new-checkout", "new.checkout", "New_Checkout", "zeta", "Zeta"] {
        let evaluation = flags.evaluate(key, &());
        assert_eq!((evaluation.reason(), evaluation.layer().map(Provenance::as_str)), (Reason::On, Some("env:FLAG_")));
        assert_eq!(flags.snapshot().flag(key), Some(&Flag::on()));
    }
    assert_eq!(flags.evaluate("alpha", &()).reason(), Reason::Off);
    for key in ["new-checkout-2", "newcheckout", "new", "checkout", "new checkout", "beta", ""] {
        assert_eq!(flags.evaluate(key, &()).reason(), Reason::NotFound, "{key}");
    }
    assert_eq!(flags.snapshot().keys().count(), 0);
}

#[test]
fn a_percentage_of_an_undeclared_key_hashes_with_the_key_of_the_read() {
    let (flags, [_file, env]) = file_and_env();
    env.publish(env_set([("NEW_CHECKOUT", half()), ("SALTED", half().with_salt("s"))]));
    for key in ["new-checkout", "new.checkout", "NEW_CHECKOUT"] {
        assert_eq!(point(flags.evaluate(key, "user-1").reason()), Point::of("user-1", Seed::from_salt(key)));
    }
    assert_eq!(point(flags.evaluate("salted", "user-1").reason()), Point::of("user-1", Seed::from_salt("s")));
}

#[test]
fn it_follows_the_declarations_below_as_they_come_and_go() {
    let (flags, [file, env]) = file_and_env();
    env.publish(env_set([("A_B", Flag::on())]));
    assert!(flags.is_on("a-b", &()) && flags.is_on("a.b", &()));
    file.publish(flag_set([("a-b", Flag::off())]));
    assert!(flags.is_on("a-b", &()) && !flags.is_on("a.b", &()));
    file.publish(flag_set([("a.b", Flag::off())]));
    assert!(!flags.is_on("a-b", &()) && flags.is_on("a.b", &()));
    file.publish(FlagSet::new());
    assert!(flags.is_on("a-b", &()) && flags.is_on("a.b", &()));
}

#[test]
fn two_declared_keys_that_fold_to_it_are_a_problem_and_both_dark() {
    let (flags, [file, env]) = file_and_env();
    file.publish(flag_set([("a-b", Flag::on()), ("a.b", Flag::on()), ("c", Flag::on())]));
    env.publish(env_set([("A_B", Flag::on()), ("C", Flag::on())]));
    for key in ["a-b", "a.b"] {
        let evaluation = flags.evaluate(key, &());
        assert_eq!((evaluation.is_on(), evaluation.reason()), (false, Reason::Invalid), "{key}");
        assert_eq!(evaluation.layer().map(Provenance::as_str), Some("env:FLAG_"));
    }
    assert!(flags.is_on("c", &()) && !flags.is_on("a_b", &()));
    let status = flags.status();
    let [file_status, env_status] = &status.sources[..] else { panic!("two sources") };
    assert!(file_status.problems.is_empty());
    let [problem] = &env_status.problems[..] else { panic!("one problem: {:?}", env_status.problems) };
    assert!(["A_B", "a-b", "a.b"].iter().all(|name| problem.to_string().contains(name)), "{problem}");

    file.publish(flag_set([("a-b", Flag::off()), ("c", Flag::on())]));
    assert!(flags.is_on("a-b", &()), "the only one left is the match");
    assert!(flags.status().sources[1].problems.is_empty());
}

#[test]
fn keys_of_different_layers_collide_too() {
    let (flags, [low, middle, env]) = layers(["low:", "middle:", "env:"]);
    env.publish(env_set([("A_B", Flag::on())]));
    low.publish(flag_set([("a-b", Flag::off())]));
    assert!(flags.is_on("a-b", &()));
    middle.publish(flag_set([("a.b", Flag::on())]));
    assert!(!flags.is_on("a-b", &()) && !flags.is_on("a.b", &()));
    assert_eq!(flags.status().sources[2].problems.len(), 1);
}

#[test]
fn a_key_declared_in_a_higher_layer_wins() {
    let (flags, [env, server]) = layers(["env:", "http:"]);
    env.publish(env_set([("A_B", Flag::on())]));
    server.publish(flag_set([("a-b", Flag::off())]));
    assert!(!flags.is_on("a-b", &()), "declared in the higher layer");
    assert!(flags.is_on("a.b", &()), "not declared");
}

/// The references of rules are checked only for keys that are known.
#[test]
fn rules_for_a_key_that_no_layer_spells_are_invalid() {
    let (flags, [file, env]) = file_and_env();
    env.publish(env_set([("NEW_CHECKOUT", Flag::on().with_rules([Rule::new().with_subjects(["u1"])]))]));
    assert_eq!(flags.evaluate("new-checkout", &()).reason(), Reason::Invalid);
    let problems = flags.status().sources[1].problems.clone();
    let [problem] = &problems[..] else { panic!("one problem: {problems:?}") };
    assert_eq!((problem.path(), problem.expected()), ("NEW_CHECKOUT", "a switch and a rollout"));

    file.publish(flag_set([("new-checkout", Flag::off())]));
    assert_eq!(flags.evaluate("new-checkout", &()).reason(), Reason::On, "its key is known now");
    assert!(flags.status().sources[1].problems.is_empty());
    file.publish(FlagSet::new());
    assert_eq!(flags.evaluate("new-checkout", &()).reason(), Reason::Invalid);
    env.publish(env_set([("NEW_CHECKOUT", Flag::on())]));
    assert_eq!(flags.evaluate("new-checkout", &()).reason(), Reason::On);
}

#[test]
fn the_later_of_two_layers_of_env_keys_wins() {
    let (flags, [env, more]) = layers(["env:FLAG_", "env:MORE_"]);
    env.publish(env_set([("A_B", Flag::on()), ("ONLY", Flag::on())]));
    more.publish(env_set([("A_B", Flag::off())]));
    assert!(!flags.is_on("a-b", &()) && flags.is_on("only", &()));
}

/// To compare each key with each environment key would take a hundred million comparisons, in each publish.
#[test]
fn many_environment_keys_and_many_keys_are_matched() {
    const MANY: usize = 10_000;
    let (flags, [file, env]) = file_and_env();
    let key = |n: usize| FlagKey::new(format!("flag-{n}")).expect("a key");
    let declared =
        |on: bool| -> FlagSet { (0..MANY).map(|n| (key(n), if on { Flag::on() } else { Flag::off() })).collect() };
    let mut set = FlagSet::new();
    for n in MANY / 2..MANY * 3 / 2 {
        set.insert_folded(EnvKey::new(format!("FLAG_{n}")).expect("an environment key"), Flag::on());
    }
    env.publish(set);
    for on in [false, true, false] {
        file.publish(declared(on));
        let snapshot = flags.snapshot();
        let lit = |from: usize, to: usize| (from..to).filter(|n| snapshot.is_on(key(*n).as_str(), &())).count();
        assert_eq!(lit(0, MANY / 2), if on { MANY / 2 } else { 0 });
        assert_eq!(lit(MANY / 2, MANY * 3 / 2), MANY);
        assert_eq!(snapshot.undeclared_env_keys().count(), MANY / 2);
    }
}

#[test]
fn an_environment_key_without_a_declared_key_is_undeclared() {
    let (flags, [file, env]) = file_and_env();
    env.publish(env_set([("A", Flag::on()), ("B_C", Flag::off()), ("D", Flag::on())]));
    let undeclared = || -> Vec<String> {
        let shown = |(key, layer): (&EnvKey, &Provenance)| format!("{layer} {key}");
        flags.snapshot().undeclared_env_keys().map(shown).collect()
    };
    assert_eq!(undeclared(), ["env:FLAG_ A", "env:FLAG_ B_C", "env:FLAG_ D"]);
    file.publish(flag_set([("a", Flag::off()), ("b.c", Flag::on())]));
    assert_eq!(undeclared(), ["env:FLAG_ D"]);
    file.publish(flag_set([("b-c", Flag::off()), ("b.c", Flag::on())]));
    assert_eq!(undeclared(), ["env:FLAG_ A", "env:FLAG_ D"], "one that matches two keys is a problem instead");
}

/// Prerequisites may be declared by an environment key only.
#[test]
fn a_prerequisite_is_found_among_many_environment_keys() {
    let (flags, [file, env]) = file_and_env();
    let keys = ["ALPHA", "BASE_SYSTEM", "OMEGA"];
    env.publish(env_set(keys.map(|key| (key, Flag::on()))));
    let child = Flag::on().with_prerequisites([Reference::new("base-system")]);
    file.publish(flag_set([("child", child)]));
    assert!(flags.is_on("child", &()));
    assert_eq!(flags.status().sources[0].problems, []);
}
