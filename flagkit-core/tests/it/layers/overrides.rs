//! A later layer replaces a whole flag, except for its bucketing and its metadata, which are those of the declaration.

use flagkit_core::bucket::{Point, Seed};

use crate::support::{flag_set, layers, percent};
use flagkit_core::source::{Metadata, Provenance};
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Reason};

fn layer_of(flags: &Flags, key: &str) -> Option<String> {
    flags.evaluate(key, &()).layer().map(ToString::to_string)
}

#[test]
fn the_switch_and_the_rollout_are_the_later_ones() {
    let (flags, [file, server]) = layers(["file:", "http:"]);
    let narrow = Flag::on().with_rollout(percent("0.000001"));
    file.publish(flag_set([
        ("turned-on", Flag::off()),
        ("turned-off", Flag::on()),
        ("widened", narrow.clone()),
        ("narrowed", Flag::on()),
    ]));
    server.publish(flag_set([
        ("turned-on", Flag::on()),
        ("turned-off", Flag::off()),
        ("widened", Flag::on()),
        ("narrowed", narrow),
    ]));
    assert_eq!(flags.evaluate("turned-on", &()).reason(), Reason::On);
    assert_eq!(flags.evaluate("turned-off", &()).reason(), Reason::Off);
    assert_eq!(
        flags.evaluate("widened", &()).reason(),
        Reason::On,
        "an override without a rollout includes every subject"
    );
    assert!(matches!(flags.evaluate("narrowed", "user-1").reason(), Reason::Rollout { .. }));
}

#[test]
fn a_flag_that_a_later_layer_leaves_out_keeps_its_lower_definition() {
    let (flags, [file, server]) = layers(["file:", "http:"]);
    file.publish(flag_set([("a", Flag::on()), ("b", Flag::on())]));
    server.publish(flag_set([("a", Flag::off())]));
    assert!(!flags.is_on("a", &()) && flags.is_on("b", &()));
    server.publish(FlagSet::new());
    assert!(flags.is_on("a", &()), "the layer no longer declares it");
}

#[test]
fn the_order_is_that_of_the_layers_and_not_of_the_loads() {
    let (flags, [file, server, env]) = layers(["file:", "http:", "env:"]);
    env.publish(flag_set([("a", Flag::on())]));
    server.publish(flag_set([("a", Flag::off())]));
    file.publish(flag_set([("a", Flag::off())]));
    assert!(flags.is_on("a", &()));
    env.publish(FlagSet::new());
    assert!(!flags.is_on("a", &()));
}

#[test]
fn an_evaluation_names_the_layer_that_decided() {
    let (flags, [file, server, env]) = layers(["file:flags.toml", "http://flags", "env:FLAG_"]);
    file.publish(flag_set([("a", Flag::on()), ("b", Flag::on()), ("c", Flag::on())]));
    server.publish(flag_set([("b", Flag::off()), ("c", Flag::off())]));
    env.publish(flag_set([("c", Flag::on())]));
    for (key, layer) in [
        ("a", Some("file:flags.toml")),
        ("b", Some("http://flags")),
        ("c", Some("env:FLAG_")),
        ("never-declared", None),
    ] {
        assert_eq!(layer_of(&flags, key).as_deref(), layer, "{key}");
        assert_eq!(flags.snapshot().evaluate(key, &()), flags.evaluate(key, &()));
    }
    let shown = flags.evaluate("b", &()).to_string();
    assert!(shown.contains("off") && shown.contains("http://flags"), "{shown}");
}

#[test]
fn the_salt_is_that_of_the_declaration_unless_the_override_has_one() {
    let (flags, [file, server]) = layers(["file:", "http:"]);
    let half = Flag::on().with_rollout(percent("50"));
    let expected = |salt: &str| Point::of("user-1", Seed::from_salt(salt));
    let point = || match flags.evaluate("a", "user-1").reason() {
        Reason::Rollout { point, .. } => point,
        other => panic!("expected a rollout, got {other}"),
    };
    file.publish(flag_set([("a", Flag::off().with_salt("search"))]));
    server.publish(flag_set([("a", half.clone())]));
    assert_eq!(point(), expected("search"), "even if the declaration is off");
    server.publish(flag_set([("a", half.clone().with_salt("other"))]));
    assert_eq!(point(), expected("other"));
    file.publish(flag_set([("a", Flag::on())]));
    server.publish(flag_set([("a", half)]));
    assert_eq!(point(), expected("a"), "without any salt, it is the key");
}

#[test]
fn the_hashed_attribute_is_that_of_the_declaration_unless_the_override_has_one() {
    let (flags, [file, server]) = layers(["file:", "http:"]);
    let half = Flag::on().with_rollout(percent("50"));
    let user = Context::new("user-1").with("account", "acme").with("team", "red");
    let point = || match flags.evaluate("a", &user).reason() {
        Reason::Rollout { point, .. } => point,
        other => panic!("expected a rollout, got {other}"),
    };
    file.publish(flag_set([("a", Flag::off().with_bucket_by("account"))]));
    server.publish(flag_set([("a", half.clone())]));
    assert_eq!(point(), Point::of("acme", Seed::from_salt("a")));
    server.publish(flag_set([("a", half.with_bucket_by("team"))]));
    assert_eq!(point(), Point::of("red", Seed::from_salt("a")));
}

#[test]
fn the_metadata_is_that_of_the_declaration() {
    let (flags, [file, server, env]) = layers(["file:", "http:", "env:"]);
    let owned_by = |owner: &str| {
        let mut metadata = Metadata::default();
        metadata.owner = Some(owner.into());
        metadata
    };
    let owner = |key: &str| flags.snapshot().flag(key)?.metadata()?.owner.as_deref().map(str::to_owned);
    file.publish(flag_set([("a", Flag::off().with_metadata(owned_by("search"))), ("b", Flag::off())]));
    server.publish(flag_set([
        ("a", Flag::on().with_metadata(owned_by("ops"))),
        ("b", Flag::on().with_metadata(owned_by("ops"))),
    ]));
    env.publish(flag_set([("a", Flag::on()), ("b", Flag::on())]));
    assert_eq!(owner("a").as_deref(), Some("search"));
    assert_eq!(owner("b").as_deref(), Some("ops"), "the lowest layer that has metadata");
    assert_eq!(owner("c"), None);
}

#[test]
fn the_snapshot_holds_the_effective_flag() {
    let (flags, [file, server]) = layers(["file:", "http:"]);
    let half = Flag::on().with_rollout(percent("50"));
    file.publish(flag_set([("a", Flag::off().with_salt("s").with_bucket_by("account"))]));
    server.publish(flag_set([("a", half.clone()), ("b", Flag::on())]));
    let snapshot = flags.snapshot();
    assert_eq!(snapshot.flag("a"), Some(&half.with_salt("s").with_bucket_by("account")));
    let mut keys: Vec<&str> = snapshot.keys().map(FlagKey::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a", "b"]);
    server.publish(FlagSet::new());
    assert_eq!(snapshot.flag("b"), Some(&Flag::on()), "a held snapshot never changes");
    assert_eq!(flags.snapshot().flag("b"), None);
}

#[test]
fn a_layer_that_is_added_late_is_the_highest() {
    let (flags, [file]) = layers(["file:"]);
    file.publish(flag_set([("a", Flag::off())]));
    let late = flags.add_layer(Provenance::new("late:"));
    assert_eq!((flags.is_on("a", &()), flags.status().revision), (false, 1), "an empty layer has no effect");
    late.publish(flag_set([("a", Flag::on())]));
    file.publish(flag_set([("a", Flag::off().with_salt("s"))]));
    assert!(flags.is_on("a", &()));
}
