//! The second install is given back and changes nothing, neither at call sites nor in what is installed.

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Provenance, flag};

fn set(key: &str) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new(key).expect("a key"), Flag::on())])
}

fn reads() -> [bool; 4] {
    [flag!("first"), flag!("first", 7), flag!("second"), flag!("second", id = 7)]
}

#[test]
fn the_first_install_stays_in_effect() {
    let (first, second) = (Flags::new(), Flags::new());
    let publisher = first.add_layer(Provenance::new("first:"));
    publisher.publish(set("first"));
    let rejected = second.add_layer(Provenance::new("second:"));
    rejected.publish(set("second"));

    flagkit_core::install(first.clone()).expect("nothing is installed yet");
    assert_eq!(reads(), [true, true, false, false]);

    let refused = flagkit_core::install(second).expect_err("others are installed");
    assert!(refused.to_string().starts_with("flags are installed for this process already"), "{refused}");
    let returned = refused.into_flags();
    assert!(returned.is_on("second", &()) && !returned.is_on("first", &()), "the very flags come back");
    assert!(flagkit_core::install(first.clone()).is_err(), "not even the same twice");
    assert_eq!(reads(), [true, true, false, false]);

    rejected.publish(FlagSet::from_iter([(FlagKey::new("first").expect("a key"), Flag::off())]));
    assert_eq!(reads(), [true, true, false, false], "call sites do not follow the others");
    let installed = flagkit_core::installed().expect("the first ones");
    assert_eq!(installed.status().sources[0].provenance.as_str(), "first:");

    publisher.publish(FlagSet::new());
    assert_eq!(reads(), [false; 4], "and still follow the first");
    assert!(!returned.is_on("first", &()));
}
