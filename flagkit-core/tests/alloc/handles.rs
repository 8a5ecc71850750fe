//! A read through a handle or a snapshot allocates nothing, for every flag and every subject.

use std::borrow::Cow;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use flagkit_core::source::EnvKey;
use flagkit_core::source::Provenance;
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Id, Percent, Subject, Value, flag};

use crate::allocations;

const KEYS: [&str; 9] =
    ["off", "on", "half", "salted-half", "by-account", "invalid", "overridden", "only.env", "undeclared"];

struct User {
    number: u64,
    account: String,
}

impl Subject for User {
    fn id(&self) -> Option<Id<'_>> {
        Some(Id::from(self.number))
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        (name == "account").then_some(Value::Text(&self.account))
    }
}

/// One flag of each kind, under `KEYS`.
fn flags() -> Flags {
    let key = |text| FlagKey::new(text).expect("a key");
    let half = || Flag::on().with_rollout(Percent::new(50).expect("a percentage"));
    let flags = Flags::new();
    let mut declared = FlagSet::from_iter([
        (key("off"), Flag::off()),
        (key("on"), Flag::on()),
        (key("half"), half()),
        (key("salted-half"), half().with_salt("half")),
        (key("by-account"), half().with_bucket_by("account")),
        (key("overridden"), Flag::off().with_salt("o").with_bucket_by("account")),
    ]);
    declared.insert_invalid(key("invalid"));
    flags.add_layer(Provenance::new("file:")).publish(declared);
    let mut env_set = FlagSet::new();
    env_set.insert_folded(EnvKey::new("OVERRIDDEN").expect("an environment key"), half());
    env_set.insert_folded(EnvKey::new("ONLY_ENV").expect("an environment key"), half());
    flags.add_layer(Provenance::new("env:")).publish(env_set);
    flags
}

/// Flags that this thread has read once. The first read of a thread allocates in arc-swap, which is not measured here.
fn warmed_up() -> Flags {
    let flags = flags();
    black_box(flags.is_on("on", &()));
    flags
}

fn assert_free<S: Subject + ?Sized>(flags: &Flags, name: &str, subject: &S) {
    let snapshot = flags.snapshot();
    for key in KEYS {
        for (call, count) in [
            ("Flags::is_on", allocations(|| _ = black_box(flags.is_on(key, subject)))),
            ("Flags::evaluate", allocations(|| _ = black_box(flags.evaluate(key, subject)))),
            ("Snapshot::is_on", allocations(|| _ = black_box(snapshot.is_on(key, subject)))),
            ("Snapshot::evaluate", allocations(|| _ = black_box(snapshot.evaluate(key, subject)))),
        ] {
            assert_eq!(count, 0, "{call} of `{key}` for {name}");
        }
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
    assert!(allocations(|| drop(black_box(Context::new(17).with("plan", "beta")))) >= 3);
    assert_eq!(allocations(|| _ = black_box(1)), 0);
}

#[test]
fn an_evaluation_is_free_for_every_subject() {
    let flags = warmed_up();
    let name = String::from("user-1");
    let long = "user".repeat(10_000);
    let user = User { number: 7, account: "acme".to_owned() };
    let context = Context::new("user-1").with("account", "acme").with("seats", 12).with("vat", 0.2).with("new", true);
    assert_free(&flags, "no subject", &());
    assert_free(&flags, "a text", "user-1");
    assert_free(&flags, "the empty text", "");
    assert_free(&flags, "a String", &name);
    assert_free(&flags, "a long text", &long);
    assert_free(&flags, "a Cow", &Cow::Borrowed("user-1"));
    assert_free(&flags, "a u8", &7_u8);
    assert_free(&flags, "an i64", &i64::MIN);
    assert_free(&flags, "a u64", &u64::MAX);
    assert_free(&flags, "an i128", &i128::MIN);
    assert_free(&flags, "a u128", &u128::MAX);
    assert_free(&flags, "an Id", &Id::from(17));
    assert_free(&flags, "an Option", &Some("user-1"));
    assert_free(&flags, "a None", &None::<u64>);
    assert_free(&flags, "a Context", &context);
    assert_free(&flags, "an anonymous Context", &Context::anonymous());
    assert_free(&flags, "a struct", &user);
    assert_free(&flags, "a dyn Subject", &user as &dyn Subject);
    assert_free(&flags, "an Rc", &Rc::new(7));
    assert_free(&flags, "an Arc", &Arc::new(name.clone()));
}

#[test]
fn taking_a_snapshot_and_finding_a_flag_is_free() {
    let flags = warmed_up();
    assert_eq!(allocations(|| drop(black_box(flags.snapshot()))), 0);
    assert_eq!(allocations(|| drop(black_box(flags.clone()))), 0);
    let snapshot = flags.snapshot();
    for key in KEYS {
        assert_eq!(allocations(|| _ = black_box(snapshot.flag(key).is_some())), 0, "{key}");
    }
    assert_eq!(allocations(|| _ = black_box(snapshot.revision() + snapshot.keys().count() as u64)), 0);
}

/// Each form of `flag!(in …)` under one key, one count per form.
macro_rules! forms {
    ($flags:ident, $snapshot:ident, $user:ident, $context:ident, $name:ident, $key:literal) => {
        [
            allocations(|| _ = black_box(flag!(in $flags, $key))),
            allocations(|| _ = black_box(flag!(in &$flags, $key, $user.number))),
            allocations(|| _ = black_box(flag!(in $flags, $key, $name))),
            allocations(|| _ = black_box(flag!(in $flags, $key, "user-1"))),
            allocations(|| _ = black_box(flag!(in $flags, $key, u128::MAX))),
            allocations(|| _ = black_box(flag!(in $flags, $key, &$user))),
            allocations(|| _ = black_box(flag!(in $flags, $key, $context))),
            allocations(|| _ = black_box(flag!(in $flags, $key, id = $user.number, account = $user.account))),
            allocations(|| _ = black_box(flag!(in $flags, $key, account = 7, vat = 0.2, new = true))),
            allocations(|| _ = black_box(flag!(in $snapshot, $key))),
            allocations(|| _ = black_box(flag!(in $snapshot, $key, $user))),
            allocations(|| _ = black_box(flag!(in $flags.snapshot(), $key, id = $name, account = Some("acme")))),
        ]
    };
}

#[test]
fn every_form_of_the_macro_is_free() {
    let flags = warmed_up();
    let snapshot = flags.snapshot();
    let (user, name) = (User { number: 7, account: "acme".to_owned() }, String::from("user-1"));
    let context = Context::new("user-1").with("account", "acme");
    for counts in [
        forms!(flags, snapshot, user, context, name, "off"),
        forms!(flags, snapshot, user, context, name, "on"),
        forms!(flags, snapshot, user, context, name, "half"),
        forms!(flags, snapshot, user, context, name, "salted-half"),
        forms!(flags, snapshot, user, context, name, "by-account"),
        forms!(flags, snapshot, user, context, name, "invalid"),
        forms!(flags, snapshot, user, context, name, "overridden"),
        forms!(flags, snapshot, user, context, name, "only.env"),
        forms!(flags, snapshot, user, context, name, "undeclared"),
    ] {
        assert_eq!(counts, [0; 12]);
    }
}
