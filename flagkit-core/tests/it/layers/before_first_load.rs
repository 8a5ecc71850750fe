//! Before its first good load, a layer is transparent, or it makes every lower layer dark.

use flagkit_core::source::{LoadError, OnFailedStart, Provenance, Publisher, StartPolicy};
use flagkit_core::{Flag, FlagSet, Flags, Reason};

use crate::support::{flag_set, only_a};

fn set(flag: Flag) -> FlagSet {
    flag_set([("checkout", flag)])
}

/// A loaded layer, and above it one that never loaded.
fn stack(missing: OnFailedStart, invalid: OnFailedStart) -> (Flags, Publisher) {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("low:")).publish(set(Flag::on()));
    let high = flags.add_layer(Provenance::new("high:")).before_first_load(StartPolicy {
        missing,
        unreachable: invalid,
        invalid,
    });
    (flags, high)
}

fn is_on(flags: &Flags) -> bool {
    flags.is_on("checkout", &())
}

#[test]
fn a_transparent_layer_shows_the_layers_below() {
    let (flags, high) = stack(OnFailedStart::Skip, OnFailedStart::Skip);
    assert!(is_on(&flags));
    high.fail(LoadError::missing("no such file"));
    assert!(is_on(&flags));
    high.fail(LoadError::new("not valid"));
    assert!(is_on(&flags));
}

#[test]
fn a_dark_layer_hides_the_layers_below_until_its_first_load() {
    let (flags, high) = stack(OnFailedStart::StayDark, OnFailedStart::StayDark);
    assert_eq!(flags.evaluate("checkout", &()).reason(), Reason::Invalid);
    high.fail(LoadError::missing("no such file"));
    assert!(!is_on(&flags));
    high.publish(FlagSet::new());
    assert!(is_on(&flags), "its load leaves the flag out");
    high.fail(LoadError::new("not valid"));
    assert!(is_on(&flags), "its last good load stays");
}

#[test]
fn missing_and_invalid_are_distinguished() {
    let (flags, high) = stack(OnFailedStart::Skip, OnFailedStart::StayDark);
    assert!(!is_on(&flags), "the outcome is not known yet");
    high.fail(LoadError::missing("no such file"));
    assert!(is_on(&flags));
    high.fail(LoadError::new("not valid"));
    assert!(!is_on(&flags));
}

#[test]
fn a_dark_layer_does_not_hide_the_layers_above() {
    let (flags, _high) = stack(OnFailedStart::StayDark, OnFailedStart::StayDark);
    flags.add_layer(Provenance::new("top:")).publish(set(Flag::on()));
    assert!(is_on(&flags));
}

/// If a source reports a missing document and then becomes unreachable, its layer does not change.
#[test]
fn an_unreachable_source_keeps_its_last_definite_error() {
    let flags = Flags::new();
    let low = flags.add_layer(Provenance::new("low:"));
    let (transparent, dark) = (OnFailedStart::Skip, OnFailedStart::StayDark);
    let high = flags.add_layer(Provenance::new("high:")).before_first_load(StartPolicy {
        missing: transparent,
        unreachable: dark,
        invalid: dark,
    });
    low.publish(only_a(Flag::on()));
    let unreachable = || LoadError::unreachable("no connection");
    assert!(!flags.is_on("a", &()), "the outcome is not known yet");
    high.fail(unreachable());
    assert!(!flags.is_on("a", &()), "nor is it after an unreachable source");
    high.fail(LoadError::missing("no such file"));
    assert!(flags.is_on("a", &()));
    high.fail(unreachable());
    assert!(flags.is_on("a", &()));
    high.fail(LoadError::new("not valid TOML"));
    assert!(!flags.is_on("a", &()), "there is a document after all");
    high.fail(unreachable());
    assert!(!flags.is_on("a", &()));
}
