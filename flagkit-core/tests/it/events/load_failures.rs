//! A source that keeps failing in one way is told of once, and again only after it was well or when it fails anew.

use std::sync::mpsc;

use flagkit_core::{
    Event, Fault, Flag, FlagKey, FlagSet, Flags, FoldedKey, Load, LoadError, Problem, Provenance, Subscription,
};

fn set(flag: Flag) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new("a").expect("a key"), flag)])
}

fn faults(flags: &Flags) -> (mpsc::Receiver<Fault>, Subscription) {
    let (sender, receiver) = mpsc::channel();
    let subscription = flags.subscribe(move |event| {
        if let Event::Faulty(fault) = event {
            sender.send(fault.clone()).expect("the test listens");
        }
    });
    (receiver, subscription)
}

/// The messages of the faults told since the last time.
fn errors(told: &mpsc::Receiver<Fault>) -> Vec<String> {
    told.try_iter().map(|fault| fault.error.expect("a load refused as a whole").to_string()).collect()
}

fn paths(told: &mpsc::Receiver<Fault>) -> Vec<Vec<String>> {
    told.try_iter().map(|fault| fault.problems.iter().map(|problem| problem.path().to_owned()).collect()).collect()
}

#[test]
fn a_refused_load_is_told_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:flags.toml"));
    let (told, _subscription) = faults(&flags);
    for _ in 0..3 {
        publisher.refuse(LoadError::new("not valid TOML"));
    }
    let fault = told.try_recv().expect("told within the call");
    assert_eq!(fault.layer.as_str(), "file:flags.toml");
    assert_eq!(fault.error.as_ref().map(ToString::to_string).as_deref(), Some("not valid TOML"));
    assert!(fault.problems.is_empty());
    assert_eq!(errors(&told), [""; 0]);
    assert_eq!(flags.status().sources[0].refusals, 3, "each counts");
}

#[test]
fn another_error_is_another_fault() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (told, _subscription) = faults(&flags);
    let at = |line| LoadError::new("not valid").with_problems([Problem::new("", "`=`", "a key").at(line, 1)]);
    publisher.refuse(at(3));
    publisher.refuse(at(3));
    publisher.refuse(at(4));
    assert_eq!(
        errors(&told),
        ["not valid\n  3:1: got `=`, expected a key", "not valid\n  4:1: got `=`, expected a key"]
    );
}

#[test]
fn a_fault_that_comes_back_after_a_good_load_is_told_again() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (told, _subscription) = faults(&flags);
    publisher.refuse(LoadError::new("away"));
    publisher.publish(set(Flag::on()));
    publisher.refuse(LoadError::new("away"));
    publisher.confirm();
    publisher.refuse(LoadError::new("away"));
    publisher.refuse(LoadError::new("away"));
    assert_eq!(errors(&told), ["away"; 3]);
}

#[test]
fn problems_of_an_accepted_load_are_told_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (told, _subscription) = faults(&flags);
    let load = |flag, path: &str| Load::new(set(flag)).with_problems([Problem::new(path, "120", "a percentage")]);
    publisher.publish(load(Flag::on(), "flags.b"));
    publisher.publish(load(Flag::on(), "flags.b"));
    publisher.publish(load(Flag::off(), "flags.b"));
    assert_eq!(paths(&told), [["flags.b"]]);
    publisher.publish(load(Flag::off(), "flags.c"));
    assert_eq!(paths(&told), [["flags.c"]]);
    publisher.publish(set(Flag::on()));
    assert!(paths(&told).is_empty(), "mending is no fault");
    publisher.publish(load(Flag::on(), "flags.c"));
    assert_eq!(paths(&told), [["flags.c"]]);
}

#[test]
fn a_collision_of_folded_keys_is_told_once() {
    let flags = Flags::new();
    let file = flags.add_layer(Provenance::new("file:"));
    let env = flags.add_layer(Provenance::new("env:FLAG_"));
    file.publish(FlagSet::from_iter(["a-b", "a.b"].map(|key| (FlagKey::new(key).expect("a key"), Flag::on()))));
    let (told, _subscription) = faults(&flags);
    let folded = |flag| {
        let mut set = FlagSet::new();
        set.insert_folded(FoldedKey::new("A_B").expect("a folded key"), flag);
        set
    };
    env.publish(folded(Flag::on()));
    env.publish(folded(Flag::off()));
    let fault = told.try_recv().expect("told");
    assert_eq!((fault.layer.as_str(), fault.problems.len()), ("env:FLAG_", 1));
    assert!(fault.error.is_none() && told.try_recv().is_err());
}

#[test]
fn each_source_has_its_own_faults() {
    let flags = Flags::new();
    let publishers = ["one:", "two:"].map(|name| flags.add_layer(Provenance::new(name)));
    let (told, _subscription) = faults(&flags);
    for _ in 0..2 {
        for publisher in &publishers {
            publisher.refuse(LoadError::new("away"));
        }
    }
    let layers: Vec<String> = told.try_iter().map(|fault| fault.layer.to_string()).collect();
    assert_eq!(layers, ["one:", "two:"]);
}

#[test]
fn a_collision_that_another_layer_brings_about_is_told() {
    let flags = Flags::new();
    let file = flags.add_layer(Provenance::new("file:"));
    let env = flags.add_layer(Provenance::new("env:"));
    let mut overrides = FlagSet::new();
    overrides.insert_folded(FoldedKey::new("A_B").expect("a folded key"), Flag::on());
    env.publish(overrides);

    let (told, _subscription) = faults(&flags);
    let both =
        |flag: Flag| FlagSet::from_iter(["a-b", "a.b"].map(|key| (FlagKey::new(key).expect("a key"), flag.clone())));
    file.publish(both(Flag::off()));
    let fault = told.try_recv().expect("the collision is told");
    assert_eq!((fault.layer.as_str(), fault.problems.len()), ("env:", 1));
    file.publish(both(Flag::on()));
    assert!(told.try_recv().is_err(), "and is no news after that");
}
