//! Every form of `flag!` is off before the install, and follows the install and every publish.

use flagkit_core::source::EnvKey;
use flagkit_core::source::Provenance;
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Id, Percent, Subject, Value, flag};

struct User {
    number: u64,
}

impl Subject for User {
    fn id(&self) -> Option<Id<'_>> {
        Some(Id::from(self.number))
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        (name == "account").then_some(Value::Integer(7))
    }
}

/// Every form that names a subject whose id and account are 7.
macro_rules! for_seven {
    ($key:literal) => {{
        let (text, user) = (String::from("7"), User { number: 7 });
        let context = Context::new(7).with("account", "7");
        vec![
            flag!($key, User { number: 7 }),
            flag!($key, &user),
            flag!($key, Some(&user)),
            flag!($key, &user as &dyn Subject),
            flag!($key, context),
            flag!($key, &context),
            flag!($key, id = 7, account = 7),
            flag!($key, id = text, account = text),
            flag!($key, account = "7", id = &user),
        ]
    }};
}

/// Every form that names only the id 7, and the forms above.
macro_rules! for_id_seven {
    ($key:literal) => {{
        let text = String::from("7");
        let mut values =
            vec![flag!($key, 7), flag!($key, 7_u128), flag!($key, "7"), flag!($key, text), flag!($key, id = 7_i8)];
        values.extend(for_seven!($key));
        values
    }};
}

macro_rules! without_id {
    ($key:literal) => {
        vec![flag!($key), flag!($key, ()), flag!($key, ""), flag!($key, None::<u64>), flag!($key, plan = "beta")]
    };
}

#[derive(Debug, PartialEq)]
struct Values {
    enabled: Vec<bool>,
    rollout: (Vec<bool>, Vec<bool>),
    by_account: (Vec<bool>, Vec<bool>),
    env_key: (Vec<bool>, Vec<bool>),
    invalid: Vec<bool>,
    undeclared: Vec<bool>,
}

/// Reads the same sites each time.
fn read() -> Values {
    let both = |mut one: Vec<bool>, other: Vec<bool>| {
        one.extend(other);
        one
    };
    Values {
        enabled: both(without_id!("enabled"), for_id_seven!("enabled")),
        rollout: (without_id!("rollout"), for_id_seven!("rollout")),
        by_account: (without_id!("by-account"), for_seven!("by-account")),
        env_key: (without_id!("only.env"), for_id_seven!("only.env")),
        invalid: both(without_id!("invalid"), for_id_seven!("invalid")),
        undeclared: both(without_id!("undeclared"), for_id_seven!("undeclared")),
    }
}

/// The expected values while all flags are on or off. The percentages include or exclude the one subject.
fn expected(on: bool) -> Values {
    let share = |without_id: usize, seven: usize| (vec![false; without_id], vec![on; seven]);
    Values {
        enabled: vec![on; 19],
        rollout: share(5, 14),
        by_account: share(5, 9),
        env_key: share(5, 14),
        invalid: vec![false; 19],
        undeclared: vec![false; 19],
    }
}

fn declared(on: bool) -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    let mut set = FlagSet::from_iter([
        (key("enabled"), if on { Flag::on() } else { Flag::off() }),
        (key("rollout"), rollout(on)),
        (key("by-account"), rollout(on).with_bucket_by("account")),
    ]);
    set.insert_invalid(key("invalid"));
    set
}

fn env_set(on: bool) -> FlagSet {
    let mut set = FlagSet::new();
    set.insert_folded(EnvKey::new("ONLY_ENV").expect("an environment key"), rollout(on));
    set
}

fn rollout(on: bool) -> Flag {
    let percent = if on { "99.999999" } else { "0.000001" };
    Flag::on().with_rollout(percent.parse::<Percent>().expect("a percentage"))
}

#[test]
fn every_form_follows_the_install_and_each_publish() {
    let flags = Flags::new();
    let [file, env] = ["file:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    file.publish(declared(true));
    env.publish(env_set(true));
    assert_eq!(read(), expected(false), "nothing is installed");
    assert!(flagkit_core::installed().is_none());

    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    assert!(flagkit_core::installed().is_some_and(|installed| installed.is_on("enabled", &())));
    assert_eq!(read(), expected(true), "the install updates sites that were hit before");

    for on in [false, true, false, true, true, false] {
        file.publish(declared(on));
        env.publish(env_set(on));
        assert_eq!(read(), expected(on), "each publish updates every site");
    }

    assert!(!flag!("first-reached-late"), "a site that was not hit before");
    let mut late = declared(false);
    late.insert(FlagKey::new("late").expect("a key"), Flag::on());
    file.publish(late);
    assert!(flag!("late") && flag!("late", 7), "a site first reached after its flag was published");

    drop((file, env, flags));
    assert!(flag!("late") && flag!("late", "user-1"), "the installed flags live as long as the process");
}
