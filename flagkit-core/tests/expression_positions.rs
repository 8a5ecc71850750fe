//! `flag!` is hygienic, moves nothing, and works in every expression position.

// This test is about odd expressions.
#![allow(
    clippy::let_and_return,
    clippy::needless_raw_string_hashes,
    clippy::redundant_closure_call,
    clippy::unnecessary_cast
)]

extern crate flagkit_core as fk;

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Percent, Snapshot, flag};

/// Flags that are on for about half of all ids, so that a wrong id shows.
fn flags() -> Flags {
    let half = || Flag::on().with_rollout(Percent::new(50).expect("a percentage")).with_salt("half");
    let key = |text| FlagKey::new(text).expect("a key");
    Flags::fixed(FlagSet::from_iter([
        (key("half"), half()),
        (key("half-of-types"), half().with_bucket_by("type")),
        (key("on"), Flag::on()),
    ]))
}

/// Items of the caller with the names that the expansion could use.
mod shadowed {
    #![allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals)]

    struct bool;
    struct str;
    struct u64;
    struct Fields;
    struct CallSite;
    struct Option;
    trait Attribute {}
    trait Handle {}
    trait Subject {}
    trait Into {}
    mod flagkit_core {}
    mod core {}
    mod std {}
    mod alloc {}
    mod __private {}
    fn Some() {}
    fn Ok() {}
    fn value() {}
    fn is_on() {}
    const None: i32 = 8;
    static CALL_SITE: i32 = 7;

    pub(super) fn values(flags: &::flagkit_core::Flags) -> [::core::primitive::bool; 9] {
        use ::flagkit_core::flag;
        let (value0, value1, subject, key, site, word) = (7, 8, 9, "x", (), ());
        let _ = (site, word, key);
        [
            flag!("on"),
            flag!("half", CALL_SITE),
            flag!("half", None),
            flag!("half", subject),
            flag!("half", id = value0, value1 = value1, subject = subject, CALL_SITE = key),
            flag!("half", value0 = value1, id = value1, value1 = value0),
            flag!(in flags, "half", value0),
            flag!(in flags, "half", value0 = value0, id = value1),
            flag!(in { let value1 = flags; value1 }, "half", { let value0 = subject; value0 }),
        ]
    }
}

mod without_a_prelude {
    #![no_implicit_prelude]

    pub(super) fn values(flags: &::flagkit_core::Flags) -> [bool; 5] {
        use ::flagkit_core::flag;
        [
            flag!("on"),
            flag!("half", 7),
            flag!("half", id = 8, plan = "beta"),
            flag!(in flags, "half", 9),
            flag!(in flags, "half", plan = "beta", id = 10),
        ]
    }
}

mod reexporting {
    pub(super) use flagkit_core::flag;
}

fn hygiene(flags: &Flags) {
    let on = |id: i32| flags.is_on("half", &id);
    let expected = [true, on(7), on(8), on(9), on(7), on(8), on(7), on(8), on(9)];
    assert_eq!(shadowed::values(flags), expected);
    assert_eq!(without_a_prelude::values(flags), [true, on(7), on(8), on(9), on(10)]);
    assert_eq!(
        [fk::flag!("half", 7), fk::flag!("half", id = 8), fk::flag!(in flags, "half", 9)],
        [on(7), on(8), on(9)]
    );
    assert_eq!([reexporting::flag!("half", 7), reexporting::flag!(in flags, "half", id = 8, plan = 1)], [on(7), on(8)]);
    for value0 in 0..64 {
        const CALL_SITE: i32 = 3;
        assert_eq!(flag!("half", value0 + CALL_SITE), on(value0 + CALL_SITE));
        assert_eq!(flag!("half", id = value0, plan = CALL_SITE), on(value0));
        assert_eq!(flag!("half", plan = CALL_SITE, id = value0), on(value0));
    }
}

fn nothing_is_moved_and_temporaries_live(flags: &Flags) {
    let on = |id: &str| flags.is_on("half", id);
    let (name, plan) = (String::from("user-1"), String::from("beta"));
    let (context, boxed, mut number) = (Context::new("user-2"), Box::new(name.clone()), 7);
    assert_eq!(flag!("half", name), on("user-1"));
    assert_eq!(flag!("half", id = name, plan = plan), on("user-1"));
    assert_eq!(flag!(in flags, "half", name), on("user-1"));
    assert_eq!(flag!("half", context), on("user-2"));
    assert_eq!(flag!("half", boxed), on("user-1"));
    assert_eq!(flag!("half", *boxed), on("user-1"));
    assert_eq!(flag!("half", **boxed), on("user-1"), "a place expression of type str");
    assert_eq!(flag!("half", &mut number), on("7"));
    drop((name, plan, context, boxed));

    assert_eq!(flag!("half", String::from("user-3")), on("user-3"));
    assert_eq!(flag!("half", format!(" {} ", "user-3").trim()), on("user-3"));
    assert_eq!(flag!("half", id = format!("user-{}", 4).as_str(), plan = String::new().trim()), on("user-4"));
    assert_eq!(flag!("half", RefCell::new(String::from("user-5")).borrow().as_str()), on("user-5"));
    assert_eq!(flag!(in self::flags().snapshot(), "half", String::from("user-6").as_str()), on("user-6"));
}

fn handles(flags: &Flags) {
    struct Service {
        flags: Flags,
        snapshot: Arc<Snapshot>,
    }
    let expected = flags.is_on("half", &7);
    let service = Service { flags: flags.clone(), snapshot: flags.snapshot() };
    assert_eq!(flag!(in service.flags, "half", 7), expected);
    assert_eq!(flag!(in service.snapshot, "half", 7), expected);
    assert_eq!(flag!(in *service.snapshot, "half", 7), expected);
    assert_eq!(flag!(in &&service.flags, "half", 7), expected);
    assert_eq!(flag!(in Box::new(flags.clone()), "half", 7), expected);
    assert_eq!(flag!(in Rc::new(flags.snapshot()), "half", 7), expected);
    assert_eq!(flag!(in flags.clone(), "half", 7), expected);
    assert_eq!(flag!(in if expected { flags } else { &service.flags }, "half", 7), expected);
}

fn any_expression(flags: &Flags) {
    let on = |id: u64| flags.is_on("half", &id);
    assert_eq!(flag!("half", 3 + 4), on(7));
    assert_eq!(flag!("half", (|| 7)()), on(7));
    assert_eq!(flag!("half", (|n: u64| n + 1)(6)), on(7));
    assert_eq!(
        flag!("half", {
            let n = 6;
            n + 1
        }),
        on(7)
    );
    assert_eq!(flag!("half", if on(7) { 8 } else { 9 }), on(if on(7) { 8 } else { 9 }));
    assert_eq!(
        flag!(
            "half",
            match 7 {
                n if n > 6 => n,
                _ => 0,
            }
        ),
        on(7)
    );
    assert_eq!(flag!("half", id = { 7 }, plan = if flag!("on") { "beta" } else { "free" }), on(7));
    assert_eq!(flag!("half", u64::from(flag!("half", 7)) + 20), on(20 + u64::from(on(7))));
    assert_eq!(flag!("half", [5, 6, 7][2]), on(7));
    assert_eq!(flag!("half", 7 as u8), on(7));
    assert_eq!(flag!("half", -7), flags.is_on("half", &-7));
    assert_eq!(flag!("half", Some(7).filter(|n| *n == 7)), on(7));
    assert_eq!((!flag!("half", 7), flag!("on") && flag!("half", 8) || flag!("half", 9)), (!on(7), on(8) || on(9)));

    let early = |id: Option<u64>| Some(flag!("half", id?));
    assert_eq!((early(Some(7)), early(None)), (Some(on(7)), None));
    let mut ids = 0..;
    let first_in = loop {
        if flag!(
            "half",
            match ids.next() {
                Some(id) if id < 1_000 => id,
                _ => break None,
            }
        ) {
            break Some(ids.start - 1);
        }
    };
    assert_eq!(first_in, (0..1_000).find(|id| on(*id)));
}

fn commas_and_spellings(flags: &Flags) {
    let (on, on_for_x) = (flags.is_on("half", &7), flags.is_on("half", "x"));
    assert!(flag!("on",) && flag!(in flags, "on",));
    assert_eq!([flag!("half", 7,), flag!("half", id = 7,), flag!("half", id = 7, plan = "beta",)], [on; 3]);
    assert_eq!([flag!(in flags, "half", 7,), flag!(in flags, "half", id = 7,)], [on; 2]);
    assert_eq!(
        [flag!(r"half", 7), flag!(r#"half"#, 7), flag!("\x68alf", 7), flag! { "half", 7 }, flag!["half", 7]],
        [on; 5]
    );
    assert_eq!(
        [flag!("half-of-types", r#type = "x"), flag!(in flags, "half-of-types", id = 7, r#type = "x")],
        [on_for_x; 2]
    );
    assert_eq!(flag!("half-of-types", r#type = 7, id = "x", r#fn = true), on);
}

macro_rules! through_a_macro {
    ($key:literal) => {
        flag!($key)
    };
    ($key:literal, $subject:expr) => {
        flag!($key, $subject)
    };
    ($key:literal; $($name:ident: $value:expr),+) => {
        flag!($key, $($name = $value),+)
    };
    (in $flags:expr, $key:literal, $($rest:tt)*) => {
        flag!(in $flags, $key, $($rest)*)
    };
}

macro_rules! twice_through_a_macro {
    ($key:literal $($rest:tt)*) => {
        through_a_macro!($key $($rest)*)
    };
}

fn macros(flags: &Flags) {
    let on = |id: u64| flags.is_on("half", &id);
    assert!(through_a_macro!("on") && twice_through_a_macro!("on"));
    assert_eq!([through_a_macro!("half", 3 + 4), twice_through_a_macro!("half", 3 + 4)], [on(7); 2]);
    assert_eq!([through_a_macro!("half"; plan: "beta", id: 7), twice_through_a_macro!("half"; id: 7)], [on(7); 2]);
    assert_eq!(through_a_macro!(in flags, "half", id = 8, plan = "beta"), on(8));
}

fn any_function(flags: &Flags) {
    fn constant<const ID: u64>() -> [bool; 2] {
        [flag!("half", ID), flag!("half", id = ID, plan = "beta")]
    }
    fn generic<T: flagkit_core::Subject + ?Sized>(subject: &T) -> [bool; 2] {
        [flag!("half", subject), flag!("half", id = subject)]
    }
    async fn asynchronous(id: u64) -> bool {
        let name = String::from("7");
        if flag!("half", id) {
            std::future::ready(()).await;
        }
        flag!("half", std::future::ready(name).await)
    }
    fn send<T: Send>(value: T) -> T {
        value
    }
    impl Trait for u64 {}
    trait Trait: flagkit_core::Subject {
        fn provided(&self) -> bool {
            flag!("half", self)
        }
    }
    let on = |id: u64| flags.is_on("half", &id);
    assert_eq!((constant::<7>(), constant::<8>()), ([on(7); 2], [on(8); 2]));
    assert_eq!((generic("7"), generic(&8_u8)), ([on(7); 2], [on(8); 2]));
    assert_eq!(7_u64.provided(), on(7));
    let mut future = pin!(send(asynchronous(7)));
    assert_eq!(future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())), Poll::Ready(on(7)));
}

fn each_expression_is_evaluated_once_from_left_to_right(flags: &Flags) {
    let order = RefCell::new(Vec::new());
    let record = |name: &'static str| {
        order.borrow_mut().push(name);
        7
    };
    let handle = || {
        order.borrow_mut().push("handle");
        flags
    };
    let all = [
        flag!("half", record("subject")),
        flag!("half", plan = record("plan"), id = record("id"), seats = record("seats")),
        flag!(in handle(), "half", record("subject")),
        flag!(in handle(), "half", id = record("id"), plan = record("plan")),
    ];
    assert_eq!(all, [flags.is_on("half", &7); 4]);
    assert!(!flag!("undeclared", record("even for a flag that is off")));
    assert_eq!(
        order.into_inner(),
        ["subject", "plan", "id", "seats", "handle", "subject", "handle", "id", "plan", "even for a flag that is off"]
    );
}

#[test]
fn flag_works_in_every_position() {
    let flags = flags();
    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    hygiene(&flags);
    nothing_is_moved_and_temporaries_live(&flags);
    handles(&flags);
    any_expression(&flags);
    commas_and_spellings(&flags);
    macros(&flags);
    any_function(&flags);
    each_expression_is_evaluated_once_from_left_to_right(&flags);
}
