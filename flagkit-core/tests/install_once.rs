//! The second `install` returns the flags it got and changes nothing.

use flagkit_core::source::Provenance;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, flag};

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

    let error = flagkit_core::install(second).expect_err("other flags are installed");
    assert!(error.to_string().ends_with("this process has installed flags already"), "{error}");
    let returned = error.into_flags();
    assert!(returned.is_on("second", &()) && !returned.is_on("first", &()), "the error returns the flags");
    assert!(flagkit_core::install(first.clone()).is_err(), "not even the same flags twice");
    assert_eq!(reads(), [true, true, false, false]);

    rejected.publish(FlagSet::from_iter([(FlagKey::new("first").expect("a key"), Flag::off())]));
    assert_eq!(reads(), [true, true, false, false], "call sites do not follow the second flags");
    let installed = flagkit_core::installed().expect("the first flags");
    assert_eq!(installed.status().sources[0].provenance.as_str(), "first:");

    publisher.publish(FlagSet::new());
    assert_eq!(reads(), [false; 4], "call sites still follow the first flags");
    assert!(!returned.is_on("first", &()));
}
