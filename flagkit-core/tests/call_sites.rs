//! Every form of `flag!` is dark before the install, right from the install on, and follows every publish.

use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, FoldedKey, Id, Percent, Provenance, Subject, Value, flag};

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

/// Every form that names no more than the id 7.
macro_rules! for_id_seven {
    ($key:literal) => {{
        let text = String::from("7");
        let mut answers =
            vec![flag!($key, 7), flag!($key, 7_u128), flag!($key, "7"), flag!($key, text), flag!($key, id = 7_i8)];
        answers.extend(for_seven!($key));
        answers
    }};
}

macro_rules! for_nobody {
    ($key:literal) => {
        vec![flag!($key), flag!($key, ()), flag!($key, ""), flag!($key, None::<u64>), flag!($key, plan = "beta")]
    };
}

#[derive(Debug, PartialEq)]
struct Answers {
    switched: Vec<bool>,
    rollout: (Vec<bool>, Vec<bool>),
    by_account: (Vec<bool>, Vec<bool>),
    folded: (Vec<bool>, Vec<bool>),
    refused: Vec<bool>,
    undeclared: Vec<bool>,
}

/// Asks at the same sites each time.
fn ask() -> Answers {
    let both = |mut one: Vec<bool>, other: Vec<bool>| {
        one.extend(other);
        one
    };
    Answers {
        switched: both(for_nobody!("switched"), for_id_seven!("switched")),
        rollout: (for_nobody!("rollout"), for_id_seven!("rollout")),
        by_account: (for_nobody!("by-account"), for_seven!("by-account")),
        folded: (for_nobody!("only.folded"), for_id_seven!("only.folded")),
        refused: both(for_nobody!("refused"), for_id_seven!("refused")),
        undeclared: both(for_nobody!("undeclared"), for_id_seven!("undeclared")),
    }
}

/// The flags as one switch has them. The percentages let in the one subject that is asked for, or leave it out.
fn expected(on: bool) -> Answers {
    let share = |nobody: usize, seven: usize| (vec![false; nobody], vec![on; seven]);
    Answers {
        switched: vec![on; 19],
        rollout: share(5, 14),
        by_account: share(5, 9),
        folded: share(5, 14),
        refused: vec![false; 19],
        undeclared: vec![false; 19],
    }
}

fn declared(on: bool) -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    let mut set = FlagSet::from_iter([
        (key("switched"), if on { Flag::on() } else { Flag::off() }),
        (key("rollout"), rollout(on)),
        (key("by-account"), rollout(on).with_by("account")),
    ]);
    set.refuse(key("refused"));
    set
}

fn folded(on: bool) -> FlagSet {
    let mut set = FlagSet::new();
    set.insert_folded(FoldedKey::new("ONLY_FOLDED").expect("a folded key"), rollout(on));
    set
}

fn rollout(on: bool) -> Flag {
    let percent = if on { "99.999999" } else { "0.000001" };
    Flag::on().with_rollout(percent.parse::<Percent>().expect("a percentage"))
}

#[test]
fn every_form_follows() {
    let flags = Flags::new();
    let [file, env] = ["file:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    file.publish(declared(true));
    env.publish(folded(true));
    assert_eq!(ask(), expected(false), "nothing is installed");
    assert!(flagkit_core::installed().is_none());

    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    assert!(flagkit_core::installed().is_some_and(|installed| installed.is_on("switched", &())));
    assert_eq!(ask(), expected(true), "the install reaches sites that were hit before it");

    for on in [false, true, false, true, true, false] {
        file.publish(declared(on));
        env.publish(folded(on));
        assert_eq!(ask(), expected(on), "each publish reaches every site");
    }

    assert!(!flag!("first-reached-late"), "a site that nobody hit before");
    let mut late = declared(false);
    late.insert(FlagKey::new("late").expect("a key"), Flag::on());
    file.publish(late);
    assert!(flag!("late") && flag!("late", 7), "a site first reached after its flag was published");

    drop((file, env, flags));
    assert!(flag!("late") && flag!("late", "user-1"), "the process keeps what is installed");
}
