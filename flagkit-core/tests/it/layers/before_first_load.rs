//! What a layer means before its first good load: nothing, or that all below it is dark.

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, LoadError, Provenance, Publisher, Reason, Unfilled};

fn set(flag: Flag) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new("checkout").expect("a key"), flag)])
}

/// A filled layer, and above it one that is not.
fn stack(missing: Unfilled, broken: Unfilled) -> (Flags, Publisher) {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("low:")).publish(set(Flag::on()));
    let high = flags.add_layer(Provenance::new("high:")).when_unfilled(missing, broken, broken);
    (flags, high)
}

fn is_on(flags: &Flags) -> bool {
    flags.is_on("checkout", &())
}

#[test]
fn a_silent_one_says_nothing() {
    let (flags, high) = stack(Unfilled::Silent, Unfilled::Silent);
    assert!(is_on(&flags));
    high.refuse(LoadError::missing("away"));
    assert!(is_on(&flags));
    high.refuse(LoadError::new("broken"));
    assert!(is_on(&flags));
}

#[test]
fn a_dark_one_darkens_until_it_is_filled_and_never_again() {
    let (flags, high) = stack(Unfilled::Dark, Unfilled::Dark);
    assert_eq!(flags.evaluate("checkout", &()).reason(), Reason::Refused);
    high.refuse(LoadError::missing("away"));
    assert!(!is_on(&flags));
    high.publish(FlagSet::new());
    assert!(is_on(&flags), "it says nothing of it");
    high.refuse(LoadError::new("broken"));
    assert!(is_on(&flags), "its last good load stays");
}

#[test]
fn missing_and_broken_are_told_apart() {
    let (flags, high) = stack(Unfilled::Silent, Unfilled::Dark);
    assert!(!is_on(&flags), "nobody knows which it will be");
    high.refuse(LoadError::missing("away"));
    assert!(is_on(&flags));
    high.refuse(LoadError::new("broken"));
    assert!(!is_on(&flags));
}

#[test]
fn layers_above_it_count() {
    let (flags, _high) = stack(Unfilled::Dark, Unfilled::Dark);
    flags.add_layer(Provenance::new("top:")).publish(set(Flag::on()));
    assert!(is_on(&flags));
}

/// An optional layer that has said that there is nothing does not take that back by being out of reach.
#[test]
fn being_out_of_reach_takes_nothing_back() {
    let flags = Flags::new();
    let low = flags.add_layer(Provenance::new("low:"));
    let (silent, dark) = (Unfilled::Silent, Unfilled::Dark);
    let high = flags.add_layer(Provenance::new("high:")).when_unfilled(silent, dark, dark);
    low.publish(FlagSet::from_iter([(FlagKey::new("a").expect("a key"), Flag::on())]));
    let away = || LoadError::unreachable("no connection");
    assert!(!flags.is_on("a", &()), "nobody knows yet");
    high.refuse(away());
    assert!(!flags.is_on("a", &()), "nor now");
    high.refuse(LoadError::missing("there is none"));
    assert!(flags.is_on("a", &()));
    high.refuse(away());
    assert!(flags.is_on("a", &()));
    high.refuse(LoadError::new("no TOML"));
    assert!(!flags.is_on("a", &()), "somebody tries to say something");
    high.refuse(away());
    assert!(!flags.is_on("a", &()));
}
