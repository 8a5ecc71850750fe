//! Before its first good load, a layer is transparent, or it makes every lower layer dark.

use flagkit_core::{Flag, FlagSet, Flags, LoadError, Provenance, Publisher, Reason, Unfilled};

use crate::support::{flag_set, only_a};

fn set(flag: Flag) -> FlagSet {
    flag_set([("checkout", flag)])
}

/// A loaded layer, and above it one that never loaded.
fn stack(missing: Unfilled, invalid: Unfilled) -> (Flags, Publisher) {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("low:")).publish(set(Flag::on()));
    let high = flags.add_layer(Provenance::new("high:")).when_unfilled(missing, invalid, invalid);
    (flags, high)
}

fn is_on(flags: &Flags) -> bool {
    flags.is_on("checkout", &())
}

#[test]
fn a_transparent_layer_shows_the_layers_below() {
    let (flags, high) = stack(Unfilled::Silent, Unfilled::Silent);
    assert!(is_on(&flags));
    high.refuse(LoadError::missing("no such file"));
    assert!(is_on(&flags));
    high.refuse(LoadError::new("not valid"));
    assert!(is_on(&flags));
}

#[test]
fn a_dark_layer_hides_the_layers_below_until_its_first_load() {
    let (flags, high) = stack(Unfilled::Dark, Unfilled::Dark);
    assert_eq!(flags.evaluate("checkout", &()).reason(), Reason::Refused);
    high.refuse(LoadError::missing("no such file"));
    assert!(!is_on(&flags));
    high.publish(FlagSet::new());
    assert!(is_on(&flags), "its load leaves the flag out");
    high.refuse(LoadError::new("not valid"));
    assert!(is_on(&flags), "its last good load stays");
}

#[test]
fn missing_and_invalid_are_distinguished() {
    let (flags, high) = stack(Unfilled::Silent, Unfilled::Dark);
    assert!(!is_on(&flags), "the outcome is not known yet");
    high.refuse(LoadError::missing("no such file"));
    assert!(is_on(&flags));
    high.refuse(LoadError::new("not valid"));
    assert!(!is_on(&flags));
}

#[test]
fn a_dark_layer_does_not_hide_the_layers_above() {
    let (flags, _high) = stack(Unfilled::Dark, Unfilled::Dark);
    flags.add_layer(Provenance::new("top:")).publish(set(Flag::on()));
    assert!(is_on(&flags));
}

/// If a source reports a missing document and then becomes unreachable, its layer does not change.
#[test]
fn an_unreachable_source_keeps_its_last_definite_error() {
    let flags = Flags::new();
    let low = flags.add_layer(Provenance::new("low:"));
    let (transparent, dark) = (Unfilled::Silent, Unfilled::Dark);
    let high = flags.add_layer(Provenance::new("high:")).when_unfilled(transparent, dark, dark);
    low.publish(only_a(Flag::on()));
    let unreachable = || LoadError::unreachable("no connection");
    assert!(!flags.is_on("a", &()), "the outcome is not known yet");
    high.refuse(unreachable());
    assert!(!flags.is_on("a", &()), "nor is it after an unreachable source");
    high.refuse(LoadError::missing("no such file"));
    assert!(flags.is_on("a", &()));
    high.refuse(unreachable());
    assert!(flags.is_on("a", &()));
    high.refuse(LoadError::new("not valid TOML"));
    assert!(!flags.is_on("a", &()), "there is a document after all");
    high.refuse(unreachable());
    assert!(!flags.is_on("a", &()));
}
