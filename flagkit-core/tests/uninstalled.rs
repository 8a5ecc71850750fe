//! In a process that installs no flags, every form of `flag!` is off.

use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, flag};

#[test]
fn every_form_is_off_at_every_hit() {
    let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("a").expect("a key"), Flag::on())]));
    let (name, context) = (String::from("user-1"), Context::new("user-1").with("plan", "beta"));
    for _ in 0..3 {
        assert!(!flag!("a"));
        assert!(!flag!("a", "user-1"));
        assert!(!flag!("a", name));
        assert!(!flag!("a", 17));
        assert!(!flag!("a", u128::MAX));
        assert!(!flag!("a", ()));
        assert!(!flag!("a", Some(17)));
        assert!(!flag!("a", context));
        assert!(!flag!("a", &context));
        assert!(!flag!("a", id = 17));
        assert!(!flag!("a", id = name, plan = "beta"));
        assert!(!flag!("a", plan = "beta"));
        assert!(flag!(in flags, "a") && flag!(in flags, "a", id = 17), "an explicit handle needs no install");
    }
    assert!(flagkit_core::installed().is_none());
}
