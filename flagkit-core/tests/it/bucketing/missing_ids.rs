//! A subject without a value to hash is excluded from every rollout below 100 %, and included at 100 %.

use flagkit_core::{Attribute, Context, Flag, FlagKey, Flags, Id, Reason, Subject, Value, flag};

fn flags(make: impl Fn(Flag) -> Flag) -> Flags {
    let flag = |percent: &str| make(Flag::on().with_rollout(percent.parse().expect("a percentage")));
    let flags = [("none", flag("0")), ("most", flag("99.999999")), ("all", flag("100")), ("off", make(Flag::off()))];
    Flags::fixed(flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect())
}

fn assert_excluded<S: Subject + ?Sized>(flags: &Flags, name: &str, subject: &S) {
    for key in ["none", "most"] {
        assert_eq!(flags.evaluate(key, subject).reason(), Reason::MissingBucketingValue, "{name}, {key}");
        assert!(!flags.is_on(key, subject) && !flags.snapshot().is_on(key, subject), "{name}, {key}");
    }
    assert_eq!(flags.evaluate("all", subject).reason(), Reason::On, "{name}");
    assert_eq!(flags.evaluate("off", subject).reason(), Reason::Off, "{name}");
}

fn assert_hashed<S: Subject + ?Sized>(flags: &Flags, text: &str, subject: &S) {
    let by_text = flags.evaluate("most", &Context::new(text).with("account", text)).reason();
    assert!(matches!(by_text, Reason::Rollout { .. }));
    assert_eq!(flags.evaluate("most", subject).reason(), by_text, "{text}");
}

#[test]
fn a_subject_without_an_id_is_excluded() {
    let flags = flags(|flag| flag);
    assert_excluded(&flags, "()", &());
    assert_excluded(&flags, "the empty text", "");
    assert_excluded(&flags, "an empty String", &String::new());
    assert_excluded(&flags, "None", &None::<u64>);
    assert_excluded(&flags, "Some of the empty text", &Some(""));
    assert_excluded(&flags, "an empty Id", &Id::from(""));
    assert_excluded(&flags, "an anonymous Context", &Context::anonymous().with("account", "acme"));
    assert_excluded(&flags, "a Context without an id", &Context::new(None::<&str>));
    assert_excluded(&flags, "a Context of the empty text", &Context::new(""));
    assert_excluded(&flags, "a box without an id", &Box::new(None::<&str>));
}

#[test]
fn a_subject_with_an_id_is_hashed_however_short_the_id() {
    let flags = flags(|flag| flag);
    assert_hashed(&flags, " ", " ");
    assert_hashed(&flags, "0", &0_u8);
    assert_hashed(&flags, "-1", &-1_i8);
    assert_hashed(&flags, "17", &Some(17));
    assert_hashed(&flags, "\0", "\0");
}

#[test]
fn every_form_of_the_macro_excludes_a_subject_without_an_id() {
    let flags = flags(|flag| flag);
    assert!(!flag!(in flags, "most"));
    assert!(!flag!(in flags, "most", ()));
    assert!(!flag!(in flags, "most", ""));
    assert!(!flag!(in flags, "most", None::<&str>));
    assert!(!flag!(in flags, "most", plan = "beta"));
    assert!(!flag!(in flags, "most", id = "", plan = "beta"));
    assert!(!flag!(in flags, "most", id = None::<u64>));
    assert!(flag!(in flags, "all") && flag!(in flags, "all", "") && flag!(in flags, "all", plan = "beta"));
    assert!(
        (0..10).all(|id| flag!(in flags, "most", id = id)),
        "ids are included, so the assertions above show something"
    );
}

#[test]
fn an_attribute_that_is_missing_or_cannot_be_hashed_excludes_its_subject() {
    let flags = flags(|flag| flag.with_bucket_by("account"));
    let with = |name: &str| Context::new("user-1").with(name, "acme");
    assert_excluded(&flags, "a plain id", "user-1");
    assert_excluded(&flags, "another attribute", &with("team"));
    assert_excluded(&flags, "another spelling", &with("Account"));
    assert_excluded(&flags, "a truth value", &Context::new("user-1").with("account", true));
    assert_excluded(&flags, "a float", &Context::new("user-1").with("account", 1.0));
    assert_excluded(&flags, "the empty text", &Context::new("user-1").with("account", ""));
    assert_excluded(&flags, "None", &Context::new("user-1").with("account", None::<&str>));
    assert_excluded(&flags, "no Context", &None::<Context>);
    assert!(!flag!(in flags, "most", id = "user-1", account = 1.5));
    assert!(!flag!(in flags, "most", id = "user-1", account = false));
}

#[test]
fn an_attribute_is_hashed_whatever_the_subject_is() {
    let flags = flags(|flag| flag.with_bucket_by("account"));
    assert_hashed(&flags, "acme", &Context::anonymous().with("account", "acme"));
    assert_hashed(&flags, "acme", &Some(&Context::new("user-2").with("account", String::from("acme"))));
    assert_hashed(&flags, "user-1", &Context::new(1).with("account", "user-1"));
    assert!(flag!(in flags, "most", account = "acme"));
}

#[test]
fn a_whole_number_is_hashed_as_its_decimal_text() {
    let flags = flags(|flag| flag.with_bucket_by("account"));
    for number in [0, 1, -1, 42, i128::from(u64::MAX), i128::from(i64::MIN), i128::MAX, i128::MIN] {
        assert_hashed(&flags, &number.to_string(), &Context::anonymous().with("account", number));
    }
    assert_hashed(&flags, "-128", &Context::anonymous().with("account", i8::MIN));
    assert_hashed(&flags, "18446744073709551615", &Context::anonymous().with("account", u64::MAX));
    for number in [0, 1 << 127, u128::MAX] {
        assert_hashed(&flags, &number.to_string(), &Context::anonymous().with("account", number));
        assert_hashed(&flags, &number.to_string(), &Context::anonymous().with("account", Value::Unsigned(number)));
    }
}

#[test]
fn a_custom_type_is_hashed_by_its_value() {
    struct Plan;

    impl Attribute for Plan {
        fn value(&self) -> Option<Value<'_>> {
            Some(Value::Text("paid"))
        }
    }

    let flags = flags(|flag| flag.with_bucket_by("account"));
    assert_hashed(&flags, "paid", &Context::anonymous().with("account", Plan));
    assert!(flag!(in flags, "most", account = Plan));
}

#[test]
fn a_raw_id_is_an_id() {
    let flags = flags(|flag| flag);
    assert!(flag!(in flags, "most", id = "u1"), "otherwise the next line shows nothing");
    assert!(flag!(in flags, "most", r#id = "u1"));
}
