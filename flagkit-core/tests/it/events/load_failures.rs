//! A load failure is reported once. It is reported again after a good load, or when its message changes.

use std::sync::mpsc;

use flagkit_core::source::EnvKey;
use flagkit_core::source::{Load, LoadError, Problem, Provenance};
use flagkit_core::tooling::LoadFailure;
use flagkit_core::{Event, Flag, FlagSet, Flags, Subscription};

use crate::support::{flag_set, only_a, unavailable};

fn load_failures(flags: &Flags) -> (mpsc::Receiver<LoadFailure>, Subscription) {
    let (sender, receiver) = mpsc::channel();
    let subscription = flags.subscribe(move |event| {
        if let Event::LoadFailed(failure) = event {
            sender.send(failure.clone()).expect("the test listens");
        }
    });
    (receiver, subscription)
}

/// The messages of the failures since the last call.
fn errors(failures: &mpsc::Receiver<LoadFailure>) -> Vec<String> {
    failures.try_iter().map(|failure| failure.error.expect("the load failed as a whole").to_string()).collect()
}

fn paths(failures: &mpsc::Receiver<LoadFailure>) -> Vec<Vec<String>> {
    failures
        .try_iter()
        .map(|failure| failure.problems.iter().map(|problem| problem.path().to_owned()).collect())
        .collect()
}

#[test]
fn a_failed_load_is_reported_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:flags.toml"));
    let (failures, _subscription) = load_failures(&flags);
    for _ in 0..3 {
        publisher.fail(LoadError::new("not valid TOML"));
    }
    let failure = failures.try_recv().expect("reported within the call");
    assert_eq!(failure.layer.as_str(), "file:flags.toml");
    assert_eq!(failure.error.as_ref().map(ToString::to_string).as_deref(), Some("not valid TOML"));
    assert!(failure.problems.is_empty());
    assert_eq!(errors(&failures), [""; 0]);
    assert_eq!(flags.status().sources[0].failures, 3, "each failure counts");
}

#[test]
fn another_error_is_another_load_failure() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (failures, _subscription) = load_failures(&flags);
    let at = |line| LoadError::new("not valid").with_problems([Problem::new("", "`=`", "a key").at(line, 1)]);
    publisher.fail(at(3));
    publisher.fail(at(3));
    publisher.fail(at(4));
    assert_eq!(
        errors(&failures),
        ["not valid\n  3:1: got `=`, expected a key", "not valid\n  4:1: got `=`, expected a key"]
    );
}

#[test]
fn a_failure_that_returns_after_a_good_load_is_reported_again() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (failures, _subscription) = load_failures(&flags);
    publisher.fail(unavailable());
    publisher.publish(only_a(Flag::on()));
    publisher.fail(unavailable());
    publisher.unchanged();
    publisher.fail(unavailable());
    publisher.fail(unavailable());
    assert_eq!(errors(&failures), ["unavailable"; 3]);
}

#[test]
fn problems_of_an_accepted_load_are_reported_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (failures, _subscription) = load_failures(&flags);
    let load = |flag, path: &str| Load::new(only_a(flag)).with_problems([Problem::new(path, "120", "a percentage")]);
    publisher.publish(load(Flag::on(), "flags.b"));
    publisher.publish(load(Flag::on(), "flags.b"));
    publisher.publish(load(Flag::off(), "flags.b"));
    assert_eq!(paths(&failures), [["flags.b"]]);
    publisher.publish(load(Flag::off(), "flags.c"));
    assert_eq!(paths(&failures), [["flags.c"]]);
    publisher.publish(only_a(Flag::on()));
    assert!(paths(&failures).is_empty(), "a fixed problem is no load failure");
    publisher.publish(load(Flag::on(), "flags.c"));
    assert_eq!(paths(&failures), [["flags.c"]]);
}

#[test]
fn a_collision_of_env_keys_is_reported_once() {
    let flags = Flags::new();
    let file = flags.add_layer(Provenance::new("file:"));
    let env = flags.add_layer(Provenance::new("env:FLAG_"));
    file.publish(flag_set(["a-b", "a.b"].map(|key| (key, Flag::on()))));
    let (failures, _subscription) = load_failures(&flags);
    let env_set = |flag| {
        let mut set = FlagSet::new();
        set.insert_folded(EnvKey::new("A_B").expect("an environment key"), flag);
        set
    };
    env.publish(env_set(Flag::on()));
    env.publish(env_set(Flag::off()));
    let failure = failures.try_recv().expect("reported");
    assert_eq!((failure.layer.as_str(), failure.problems.len()), ("env:FLAG_", 1));
    assert!(failure.error.is_none() && failures.try_recv().is_err());
}

#[test]
fn each_source_has_its_own_load_failures() {
    let flags = Flags::new();
    let publishers = ["one:", "two:"].map(|name| flags.add_layer(Provenance::new(name)));
    let (failures, _subscription) = load_failures(&flags);
    for _ in 0..2 {
        for publisher in &publishers {
            publisher.fail(unavailable());
        }
    }
    let layers: Vec<String> = failures.try_iter().map(|failure| failure.layer.to_string()).collect();
    assert_eq!(layers, ["one:", "two:"]);
}

#[test]
fn a_collision_that_another_layer_causes_is_reported() {
    let flags = Flags::new();
    let file = flags.add_layer(Provenance::new("file:"));
    let env = flags.add_layer(Provenance::new("env:"));
    let mut overrides = FlagSet::new();
    overrides.insert_folded(EnvKey::new("A_B").expect("an environment key"), Flag::on());
    env.publish(overrides);

    let (failures, _subscription) = load_failures(&flags);
    let both = |flag: Flag| flag_set(["a-b", "a.b"].map(|key| (key, flag.clone())));
    file.publish(both(Flag::off()));
    let failure = failures.try_recv().expect("the collision is reported");
    assert_eq!((failure.layer.as_str(), failure.problems.len()), ("env:", 1));
    file.publish(both(Flag::on()));
    assert!(failures.try_recv().is_err(), "the same collision is reported once");
}
