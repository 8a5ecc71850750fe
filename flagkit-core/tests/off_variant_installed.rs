//! `variant!` returns the off variant of an installed flag that is off.

use flagkit_core::source::Provenance;
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Reason, Variant, Variants, variant};

fn theme() -> Variants {
    Variants::new([(Variant::new("plain"), 0), (Variant::new("blue"), 1_000_000)]).expect("variants")
}

fn on() -> Flag {
    Flag::on().with_variants(theme()).with_off_variant("plain")
}

#[test]
fn call_sites_get_the_off_variant_too() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    let name = || variant!("theme", &Context::new("user-1")).map(|variant| variant.name().to_owned());
    let set = |flag| FlagSet::from_iter([(FlagKey::new("theme").expect("a key"), flag)]);
    assert_eq!(name(), None);
    publisher.publish(set(on()));
    assert_eq!(name().as_deref(), Some("blue"));
    publisher.publish(set(Flag::off().with_variants(theme()).with_off_variant("plain")));
    assert_eq!(name().as_deref(), Some("plain"));
    assert!(!flagkit_core::flag!("theme") && flags.evaluate("theme", "user-1").reason() == Reason::Off);
}
