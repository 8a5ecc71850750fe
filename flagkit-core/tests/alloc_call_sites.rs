//! A call site of `flag!` allocates nothing: not before the install, not at its first hit, and not later.

use std::hint::black_box;

use flagkit_core::source::EnvKey;
use flagkit_core::source::Provenance;
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Id, Percent, Subject, Value, flag};

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

struct Subjects {
    user: User,
    context: Context,
    name: String,
}

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// Hits each of these sites three times, because the first hit registers the site.
macro_rules! thrice {
    ($($read:expr),+ $(,)?) => {
        [$({
            let mut count = 0;
            for _ in 0..3 {
                count += allocations(|| _ = black_box($read));
            }
            count
        }),+]
    };
}

/// Each form of `flag!` under one key.
macro_rules! forms {
    ($subjects:ident, $key:literal) => {
        (
            $key,
            thrice![
                flag!($key),
                flag!($key, "user-1"),
                flag!($key, ""),
                flag!($key, $subjects.name),
                flag!($key, &$subjects.name),
                flag!($key, $subjects.user.number),
                flag!($key, 7_i8),
                flag!($key, i64::MIN),
                flag!($key, u128::MAX),
                flag!($key, None::<u64>),
                flag!($key, ()),
                flag!($key, $subjects.user),
                flag!($key, &$subjects.context),
                flag!($key, id = $subjects.name),
                flag!(
                    $key,
                    id = $subjects.user.number,
                    account = $subjects.user.account,
                    seats = 7,
                    vat = 0.2,
                    new = true
                ),
                flag!($key, account = Some("acme")),
            ],
        )
    };
}

fn every_form(subjects: &Subjects) -> [(&'static str, [u64; 16]); 9] {
    [
        forms!(subjects, "off"),
        forms!(subjects, "on"),
        forms!(subjects, "half"),
        forms!(subjects, "salted-half"),
        forms!(subjects, "by-account"),
        forms!(subjects, "invalid"),
        forms!(subjects, "overridden"),
        forms!(subjects, "only.env"),
        forms!(subjects, "undeclared"),
    ]
}

/// A second set of sites, which are first hit after the install.
fn every_form_elsewhere(subjects: &Subjects) -> [(&'static str, [u64; 16]); 9] {
    [
        forms!(subjects, "off"),
        forms!(subjects, "on"),
        forms!(subjects, "half"),
        forms!(subjects, "salted-half"),
        forms!(subjects, "by-account"),
        forms!(subjects, "invalid"),
        forms!(subjects, "overridden"),
        forms!(subjects, "only.env"),
        forms!(subjects, "undeclared"),
    ]
}

fn publish(flags: &Flags) {
    let key = |text| FlagKey::new(text).expect("a key");
    let half = || Flag::on().with_rollout(Percent::new(50).expect("a percentage"));
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
}

#[test]
fn no_form_of_flag_allocates() {
    let subjects = Subjects {
        user: User { number: 7, account: "acme".to_owned() },
        context: Context::new("user-1").with("account", "acme"),
        name: String::from("user-1"),
    };
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1, "the counter counts");

    for (key, counts) in every_form(&subjects) {
        assert_eq!(counts, [0; 16], "{key}, with nothing installed");
    }

    let flags = Flags::new();
    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    publish(&flags);
    assert!(
        flag!("on") && flag!("half", id = 1) | flag!("half", id = 2) | flag!("half", id = 3) | flag!("half", id = 4)
    );

    for (key, counts) in every_form(&subjects) {
        assert_eq!(counts, [0; 16], "{key}, at a site hit before the install");
    }
    for (key, counts) in every_form_elsewhere(&subjects) {
        assert_eq!(counts, [0; 16], "{key}, at a site first hit after the install");
    }
}
