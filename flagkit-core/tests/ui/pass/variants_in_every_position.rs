#![deny(future_incompatible, nonstandard_style, rust_2018_idioms, unused, unused_qualifications, unreachable_pub)]

use std::sync::Arc;

use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Snapshot, Variant, Variants, variant};

struct Service {
    flags: Flags,
}

impl Service {
    fn theme(&self, user: u64) -> Option<Variant> {
        variant!(in self.flags, "theme", user)
    }
}

fn name(variant: Option<Variant>) -> String {
    variant.map_or_else(|| "none".to_owned(), |variant| variant.name().to_owned())
}

fn generic<T: flagkit_core::Subject + ?Sized>(flags: &Flags, subject: &T) -> Option<Variant> {
    variant!(in flags, "theme", subject)
}

fn main() {
    // Two variants, so that a subject without an id gets none.
    let blue = Variants::new([(Variant::new("blue"), 999_999), (Variant::new("red"), 1)]).unwrap();
    let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("theme").unwrap(), Flag::on().with_variants(blue))]));
    let snapshot: Arc<Snapshot> = flags.snapshot();
    let (user, text) = (Context::new("u1").with("plan", "free"), String::from("u1"));
    for got in [
        variant!(in flags, "theme", "u1"),
        variant!(in flags, "theme", text),
        variant!(in &flags, "theme", &user),
        variant!(in flags, "theme", user,),
        variant!(in flags.clone(), "theme", 7),
        variant!(in snapshot, "theme", id = text, plan = "free"),
        variant!(in &*snapshot, "theme", id = 7, plan = None::<u8>, tags = ["a", "b"],),
        variant!(in flags.snapshot(), r"theme", Some(7)),
        generic(&flags, "u1"),
        generic(&flags, &user as &dyn flagkit_core::Subject),
        Service { flags: flags.clone() }.theme(7),
    ] {
        assert_eq!(name(got), "blue");
    }
    for got in [
        variant!(in flags, "theme", ()),
        variant!(in flags, "theme", plan = "free"),
        variant!(in flags, "other", 7),
        variant!("theme", user),
        variant!("theme", id = text, r#type = "raw"),
    ] {
        assert_eq!(name(got), "none");
    }
    let is_blue = matches!(variant!(in flags, "theme", 7).as_ref().map(Variant::name), Some("blue"));
    let closure = |id: u64| variant!(in flags, "theme", id).is_some();
    assert!(is_blue && closure(7));
    drop((user, text));
}
