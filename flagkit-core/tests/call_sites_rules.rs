//! Every form of `flag!` and `variant!` follows as its flag gains and loses rules, segments, requirements and variants.

use flagkit_core::{
    Condition, Context, Flag, FlagKey, FlagSet, Flags, Id, Operator, Percent, Provenance, Reference, Rule, Segment,
    Subject, Value, Variant, Variants, flag, variant,
};

struct User {
    number: u64,
    country: &'static str,
}

impl Subject for User {
    fn id(&self) -> Option<Id<'_>> {
        Some(Id::from(self.number))
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        (name == "country").then_some(Value::Text(self.country))
    }
}

/// What the same sites answer.
#[derive(Debug, PartialEq)]
struct Answers {
    /// To nobody, to id 7, and to id 7 from Portugal and from Spain.
    on: [bool; 4],
    theme: Option<String>,
}

fn one<T: PartialEq + std::fmt::Debug, const N: usize>(answers: [T; N]) -> T {
    for pair in answers.windows(2) {
        assert_eq!(pair[0], pair[1], "every form answers alike");
    }
    answers.into_iter().next().expect("at least one")
}

fn from(country: &str) -> bool {
    let portugal = User { number: 7, country: "PT" };
    let spain = User { number: 7, country: "ES" };
    let user = if country == "PT" { portugal } else { spain };
    let context = Context::new(7).with("country", country);
    one([
        flag!("search", &user),
        flag!("search", user),
        flag!("search", Some(&user)),
        flag!("search", &user as &dyn Subject),
        flag!("search", context),
        flag!("search", id = 7, country = country),
        flag!("search", country = user.country, id = user.number),
        flag!("search", id = &user, country = Some(country)),
    ])
}

fn ask() -> Answers {
    let user = User { number: 7, country: "PT" };
    let name = |variant: Option<Variant>| variant.map(|variant| variant.name().to_owned());
    Answers {
        on: [
            one([flag!("search"), flag!("search", ()), flag!("search", ""), flag!("search", plan = "beta")]),
            one([flag!("search", 7), flag!("search", "7"), flag!("search", id = 7_u8), flag!("search", id = "7")]),
            from("PT"),
            from("ES"),
        ],
        theme: one([
            name(variant!("search", user)),
            name(variant!("search", &user)),
            name(variant!("search", id = 7, country = "PT")),
            name(variant!("search", Context::new("7").with("country", "PT"))),
        ]),
    }
}

fn answers(on: [bool; 4], theme: Option<&str>) -> Answers {
    Answers { on, theme: theme.map(str::to_owned) }
}

fn declare(flag: Flag, index: Flag, iberia: &[&str]) -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    let mut set = FlagSet::from_iter([(key("search"), flag), (key("new-index"), index)]);
    let countries = Operator::one_of(iberia.iter().copied());
    set.insert_segment("iberia", Segment::new().when(Condition::attribute("country", countries)));
    set
}

#[test]
fn every_form_follows() {
    let flags = Flags::new();
    let [file, env] = ["file:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    assert_eq!(ask(), answers([false; 4], None), "nothing is installed");
    flagkit_core::install(flags.clone()).expect("this process installs nothing else");

    let portuguese = || Rule::new().when(Condition::attribute("country", Operator::one_of(["PT"])));
    let plain = Flag::on();
    let dark_otherwise = |rule: Rule| Flag::on().with_rollout(Percent::ZERO).with_rules([rule]);
    let ruled = dark_otherwise(portuguese());
    let listed = dark_otherwise(Rule::new().for_subjects(["7"]));
    let in_segment = dark_otherwise(Rule::new().in_segments([Reference::new("iberia")]));
    let requiring = Flag::on().requiring([Reference::new("new-index")]);
    let refused = dark_otherwise(Rule::new().in_segments([Reference::new("nowhere")]));
    let blue = || Variants::new([(Variant::new("blue"), 1), (Variant::new("red"), 0)]).expect("variants");
    let themed = Flag::on().with_variants(blue());
    let themed_by_rule = Flag::on().with_rules([portuguese().with_variant("red")]).with_variants(blue());

    let dark = || answers([false; 4], None);
    let lit = || answers([true; 4], None);
    // Each a change from the one before: there, back again, and from one sort to another.
    for (step, flag, index, iberia, expected) in [
        ("on for all", &plain, Flag::off(), &["PT"][..], lit()),
        ("gains a rule", &ruled, Flag::off(), &["PT"], answers([false, false, true, false], None)),
        ("loses it", &plain, Flag::off(), &["PT"], lit()),
        ("lists ids", &listed, Flag::off(), &["PT"], answers([false, true, true, true], None)),
        ("uses a segment", &in_segment, Flag::off(), &["PT"], answers([false, false, true, false], None)),
        ("the segment changes", &in_segment, Flag::off(), &["ES", "FR"], answers([false, false, false, true], None)),
        ("requires what is off", &requiring, Flag::off(), &["PT"], dark()),
        ("what it requires comes on", &requiring, Flag::on(), &["PT"], lit()),
        (
            "what it requires gains a rule",
            &requiring,
            ruled.clone(),
            &["PT"],
            answers([false, false, true, false], None),
        ),
        ("what it requires goes off", &requiring, Flag::off(), &["PT"], dark()),
        ("requires nothing any more", &plain, Flag::off(), &["PT"], lit()),
        ("names an unknown segment, and keeps what it was", &refused, Flag::off(), &["PT"], lit()),
        ("gains variants", &themed, Flag::off(), &["PT"], answers([true; 4], Some("blue"))),
        ("gains a rule of a variant", &themed_by_rule, Flag::off(), &["PT"], answers([true; 4], Some("red"))),
        ("loses all", &plain, Flag::off(), &["PT"], lit()),
        ("goes off", &Flag::off(), Flag::off(), &["PT"], dark()),
        ("comes back with a rule", &ruled, Flag::off(), &["PT"], answers([false, false, true, false], None)),
    ] {
        file.publish(declare(flag.clone(), index, iberia));
        assert_eq!(ask(), expected, "{step}");
    }

    let mut over = FlagSet::from_iter([(FlagKey::new("search").expect("a key"), Flag::on())]);
    env.publish(over.clone());
    assert_eq!(ask(), lit(), "an override drops the rules");
    over.refuse(FlagKey::new("search").expect("a key"));
    env.publish(over);
    assert_eq!(ask(), lit(), "a refused override keeps its last good flag");
    env.publish(FlagSet::new());
    assert_eq!(ask(), answers([false, false, true, false], None), "taken off, the rules are back");
    assert!(flag!("search", id = 7, country = "PT") && !flag!("search"), "at a site reached now");
    assert!(variant!("search", 7).is_none() && variant!("undeclared", 7).is_none());
}
