//! Every form of `flag!` and `variant!` follows a flag that gains and loses rules, prerequisites and variants.

use flagkit_core::source::{Condition, Operator, Provenance, Reference, Rule, Segment};
use flagkit_core::{
    Context, Flag, FlagKey, FlagSet, Flags, Id, Percent, Subject, Value, Variant, Variants, flag, variant,
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

/// The values at the same sites.
#[derive(Debug, PartialEq)]
struct Values {
    /// Without an id, for id 7, and for id 7 from Portugal and from Spain.
    on: [bool; 4],
    theme: Option<String>,
}

fn same<T: PartialEq + std::fmt::Debug, const N: usize>(values: [T; N]) -> T {
    for pair in values.windows(2) {
        assert_eq!(pair[0], pair[1], "every form returns the same");
    }
    values.into_iter().next().expect("at least one")
}

fn from(country: &str) -> bool {
    let portugal = User { number: 7, country: "PT" };
    let spain = User { number: 7, country: "ES" };
    let user = if country == "PT" { portugal } else { spain };
    let context = Context::new(7).with("country", country);
    same([
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

fn read() -> Values {
    let user = User { number: 7, country: "PT" };
    let name = |variant: Option<Variant>| variant.map(|variant| variant.name().to_owned());
    Values {
        on: [
            same([flag!("search"), flag!("search", ()), flag!("search", ""), flag!("search", plan = "beta")]),
            same([flag!("search", 7), flag!("search", "7"), flag!("search", id = 7_u8), flag!("search", id = "7")]),
            from("PT"),
            from("ES"),
        ],
        theme: same([
            name(variant!("search", user)),
            name(variant!("search", &user)),
            name(variant!("search", id = 7, country = "PT")),
            name(variant!("search", Context::new("7").with("country", "PT"))),
        ]),
    }
}

fn values(on: [bool; 4], theme: Option<&str>) -> Values {
    Values { on, theme: theme.map(str::to_owned) }
}

fn declare(flag: Flag, index: Flag, iberia: &[&str]) -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    let mut set = FlagSet::from_iter([(key("search"), flag), (key("new-index"), index)]);
    let countries = Operator::one_of(iberia.iter().copied());
    set.insert_segment("iberia", Segment::new().when(Condition::attribute("country", countries)));
    set
}

/// A step of the test: its name, the flag, its prerequisite, the countries of the segment and the expected values.
type Step = (&'static str, Flag, Flag, &'static [&'static str], Values);

/// Each step changes the flag of the previous step, to another kind of flag and back.
fn steps() -> Vec<Step> {
    let portuguese = || Rule::new().when(Condition::attribute("country", Operator::one_of(["PT"])));
    let plain = Flag::on();
    let off_otherwise = |rule: Rule| Flag::on().with_rollout(Percent::ZERO).with_rules([rule]);
    let ruled = off_otherwise(portuguese());
    let listed = off_otherwise(Rule::new().with_subjects(["7"]));
    let in_segment = off_otherwise(Rule::new().with_segments([Reference::new("iberia")]));
    let dependent = Flag::on().with_prerequisites([Reference::new("new-index")]);
    let invalid = off_otherwise(Rule::new().with_segments([Reference::new("nowhere")]));
    let blue = || Variants::new([(Variant::new("blue"), 1), (Variant::new("red"), 0)]).expect("variants");
    let themed = Flag::on().with_variants(blue());
    let themed_by_rule = Flag::on().with_rules([portuguese().with_variant("red")]).with_variants(blue());

    let off = || values([false; 4], None);
    let on = || values([true; 4], None);
    vec![
        ("on for all", plain.clone(), Flag::off(), &["PT"], on()),
        ("gains a rule", ruled.clone(), Flag::off(), &["PT"], values([false, false, true, false], None)),
        ("loses it", plain.clone(), Flag::off(), &["PT"], on()),
        ("lists ids", listed.clone(), Flag::off(), &["PT"], values([false, true, true, true], None)),
        ("uses a segment", in_segment.clone(), Flag::off(), &["PT"], values([false, false, true, false], None)),
        (
            "the segment changes",
            in_segment.clone(),
            Flag::off(),
            &["ES", "FR"],
            values([false, false, false, true], None),
        ),
        ("requires a flag that is off", dependent.clone(), Flag::off(), &["PT"], off()),
        ("the prerequisite is turned on", dependent.clone(), Flag::on(), &["PT"], on()),
        (
            "the prerequisite gains a rule",
            dependent.clone(),
            ruled.clone(),
            &["PT"],
            values([false, false, true, false], None),
        ),
        ("the prerequisite is turned off", dependent.clone(), Flag::off(), &["PT"], off()),
        ("loses the prerequisite", plain.clone(), Flag::off(), &["PT"], on()),
        ("names an unknown segment and keeps its definition", invalid.clone(), Flag::off(), &["PT"], on()),
        ("gains variants", themed.clone(), Flag::off(), &["PT"], values([true; 4], Some("blue"))),
        ("gains a rule of a variant", themed_by_rule.clone(), Flag::off(), &["PT"], values([true; 4], Some("red"))),
        ("loses all", plain.clone(), Flag::off(), &["PT"], on()),
        ("is turned off", Flag::off(), Flag::off(), &["PT"], off()),
        ("is turned on with a rule", ruled.clone(), Flag::off(), &["PT"], values([false, false, true, false], None)),
    ]
}

#[test]
fn every_form_follows_each_change() {
    let flags = Flags::new();
    let [file, env] = ["file:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    assert_eq!(read(), values([false; 4], None), "nothing is installed");
    flagkit_core::install(flags.clone()).expect("this process installs nothing else");

    for (step, flag, index, iberia, expected) in steps() {
        file.publish(declare(flag, index, iberia));
        assert_eq!(read(), expected, "{step}");
    }

    let mut over = FlagSet::from_iter([(FlagKey::new("search").expect("a key"), Flag::on())]);
    env.publish(over.clone());
    assert_eq!(read(), values([true; 4], None), "an override drops the rules");
    over.insert_invalid(FlagKey::new("search").expect("a key"));
    env.publish(over);
    assert_eq!(read(), values([true; 4], None), "an invalid override keeps its last good flag");
    env.publish(FlagSet::new());
    assert_eq!(
        read(),
        values([false, false, true, false], None),
        "after the override is removed, the rules apply again"
    );
    assert!(flag!("search", id = 7, country = "PT") && !flag!("search"), "at a site hit for the first time");
    assert!(variant!("search", 7).is_none() && variant!("undeclared", 7).is_none());
}
