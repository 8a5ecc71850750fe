//! A later layer replaces whole flags and segments. Their references are checked after all layers are merged.

use std::sync::mpsc;

use flagkit_core::source::{Condition, Load, Location, Operator, Problem, Provenance, Reference, Rule, Segment};
use flagkit_core::{Context, Event, Flag, FlagSet, Flags, Percent, Reason, Variant, Variants};

use crate::support::{fixed, flag_set, key, layers};

fn country(country: &str) -> Condition {
    Condition::attribute("country", Operator::one_of([country]))
}

/// A flag that is on only for the segments.
fn for_segments<const N: usize>(names: [&str; N]) -> Flag {
    let rule = Rule::new().with_segments(names.map(Reference::new));
    Flag::on().with_rollout(Percent::ZERO).with_rules([rule])
}

fn with_segment(mut set: FlagSet, name: &str, segment: Segment) -> FlagSet {
    set.insert_segment(name, segment);
    set
}

fn with_invalid_segment(mut set: FlagSet, name: &str) -> FlagSet {
    set.insert_invalid_segment(name);
    set
}

fn from(country: &str) -> Context {
    Context::new("u1").with("country", country)
}

/// The problems of each layer, lowest first.
fn problems(flags: &Flags) -> Vec<Vec<String>> {
    let sources = flags.status().sources;
    sources.iter().map(|source| source.problems.iter().map(ToString::to_string).collect()).collect()
}

#[test]
fn an_override_drops_rules_variants_and_prerequisites_and_keeps_the_bucketing() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    let rule = Rule::new().when(country("PT")).with_variant("blue");
    let below = Flag::off()
        .with_salt("s")
        .with_bucket_by("account")
        .with_rules([rule])
        .with_prerequisites([Reference::new("dark")])
        .with_variants(Variants::new([(Variant::new("blue"), 1)]).expect("variants"));
    low.publish(flag_set([("a", below), ("dark", Flag::off())]));
    high.publish(flag_set([("a", Flag::on())]));
    let effective = flags.snapshot().flag("a").cloned().expect("it is declared");
    assert_eq!(effective, Flag::on().with_salt("s").with_bucket_by("account"));
    assert!(effective.rules().is_empty() && effective.prerequisites().is_empty() && effective.variants().is_none());
    let evaluation = flags.evaluate("a", &from("PT").with("account", "acme"));
    assert_eq!((evaluation.is_on(), evaluation.rule(), evaluation.variant()), (true, None, None));
    assert_eq!(evaluation.reason(), Reason::On);

    let half = Percent::new(50).expect("a percentage");
    high.publish(flag_set([("a", Flag::on().with_rollout(half))]));
    let expected = fixed([("b", Flag::on().with_rollout(half).with_salt("s").with_bucket_by("account"))]);
    for account in 0..100 {
        let user = Context::new("u1").with("account", account);
        assert_eq!(flags.evaluate("a", &user).reason(), expected.evaluate("b", &user).reason());
    }
}

#[test]
fn an_override_with_rules_hashes_by_the_salt_and_attribute_below() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    let half = Percent::new(50).expect("a percentage");
    low.publish(flag_set([("a", Flag::off().with_salt("s").with_bucket_by("account"))]));
    high.publish(flag_set([("a", Flag::on().with_rules([Rule::new().with_rollout(half)]))]));
    let expected = fixed([("b", Flag::on().with_rollout(half).with_salt("s").with_bucket_by("account"))]);
    for account in 0..100 {
        let user = Context::new("u1").with("account", account);
        assert_eq!(flags.evaluate("a", &user).reason(), expected.evaluate("b", &user).reason());
    }
}

#[test]
fn a_segment_of_a_higher_layer_replaces_that_of_a_lower_one() {
    let (flags, [low, middle, high]) = layers(["low:", "middle:", "high:"]);
    low.publish(with_segment(
        flag_set([("a", for_segments(["iberia"]))]),
        "iberia",
        Segment::new().when(country("PT")),
    ));
    assert!(flags.is_on("a", &from("PT")) && !flags.is_on("a", &from("ES")));

    high.publish(with_segment(FlagSet::new(), "iberia", Segment::new().when(country("ES"))));
    assert!(!flags.is_on("a", &from("PT")) && flags.is_on("a", &from("ES")), "the two definitions are not merged");

    middle.publish(with_segment(FlagSet::new(), "iberia", Segment::new().with_included(["u1"])));
    assert!(!flags.is_on("a", &from("PT")), "the highest layer decides, not the last one to load");

    high.publish(FlagSet::new());
    assert!(flags.is_on("a", &from("PT")) && flags.is_on("a", &Context::new("u1")) && !flags.is_on("a", "u2"));
    assert_eq!(problems(&flags), [[""; 0]; 3]);
}

#[test]
fn a_segment_may_be_declared_above_or_below_the_flags_that_use_it() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    let staff = || Segment::new().with_included(["u1"]);
    low.publish(flag_set([("below", for_segments(["staff"]))]));
    assert_eq!(flags.evaluate("below", "u1").reason(), Reason::Invalid);
    high.publish(with_segment(flag_set([("above", for_segments(["press"]))]), "staff", staff()));
    assert!(flags.is_on("below", "u1"));
    assert_eq!(flags.evaluate("above", "u1").reason(), Reason::Invalid);
    low.publish(with_segment(flag_set([("below", for_segments(["staff"]))]), "press", staff()));
    assert!(flags.is_on("below", "u1") && flags.is_on("above", "u1"));
    assert_eq!(problems(&flags), [[""; 0]; 2]);
}

#[test]
fn a_changed_segment_reports_the_flags_that_use_it() {
    let (flags, [file]) = layers(["file:"]);
    let (sender, receiver) = mpsc::channel();
    let subscription = flags.subscribe(move |event| {
        if let Event::Changed(change) = event {
            sender.send(change.keys.to_vec()).expect("the test listens");
        }
    });
    let declared = || flag_set([("using", for_segments(["staff", "press"])), ("other", Flag::on())]);
    let publish = |staff: &str| {
        let press = Segment::new();
        file.publish(with_segment(
            with_segment(declared(), "staff", Segment::new().with_included([staff])),
            "press",
            press,
        ));
    };
    publish("u1");
    let revision = flags.snapshot().revision();
    publish("u1");
    assert_eq!(flags.snapshot().revision(), revision, "no flag changed");
    publish("u2");
    assert_eq!(flags.snapshot().revision(), revision + 1);
    assert!(!flags.is_on("using", "u1") && flags.is_on("using", "u2"));
    drop(subscription);
    let changed: Vec<_> = receiver.iter().collect();
    assert_eq!(changed, [vec![key("other"), key("using")], vec![key("using")]]);
}

#[test]
fn an_invalid_segment_keeps_its_last_good_definition() {
    let (flags, [file]) = layers(["file:"]);
    let declared = || flag_set([("a", for_segments(["staff"]))]);
    file.publish(with_segment(declared(), "staff", Segment::new().with_included(["u1"])));
    let revision = flags.snapshot().revision();
    for _ in 0..3 {
        file.publish(with_invalid_segment(declared(), "staff"));
        assert!(flags.is_on("a", "u1") && !flags.is_on("a", "u2"));
        assert_eq!(flags.snapshot().revision(), revision, "no flag changed");
    }
    file.publish(with_segment(declared(), "staff", Segment::new().with_included(["u2"])));
    assert!(!flags.is_on("a", "u1") && flags.is_on("a", "u2"));

    file.publish(declared());
    assert!(!flags.is_on("a", "u1") && flags.is_on("a", "u2"), "after the segment is removed, the flag keeps it");
    file.publish(flag_set([]));
    file.publish(with_invalid_segment(declared(), "staff"));
    assert_eq!(
        flags.evaluate("a", "u2").reason(),
        Reason::Invalid,
        "after both are removed, the segment does not come back"
    );
}

#[test]
fn an_invalid_segment_without_a_last_good_definition_makes_its_flags_invalid() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    let below = with_segment(
        flag_set([("using", for_segments(["press", "staff"])), ("other", for_segments(["press"]))]),
        "staff",
        Segment::new().with_included(["u1"]),
    );
    high.publish(with_invalid_segment(FlagSet::new(), "staff"));
    low.publish(with_segment(below, "press", Segment::new().with_included(["u1"])));
    let evaluation = flags.evaluate("using", "u1");
    assert_eq!(
        (evaluation.is_on(), evaluation.reason()),
        (false, Reason::Invalid),
        "although the lower definition is valid"
    );
    assert_eq!(flags.snapshot().flag("using"), None);
    assert!(flags.is_on("other", "u1"));
    let [below, above] = &problems(&flags)[..] else { panic!("two layers") };
    assert!(below.len() == 1 && below[0].contains("flags.using.rules") && below[0].contains("staff"), "{below:?}");
    assert_eq!(*above, [""; 0], "the source of the segment reports the problem of the segment");
    high.publish(FlagSet::new());
    assert!(flags.is_on("using", "u1"));
}

#[test]
fn a_higher_flag_without_the_segment_stays_valid() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", for_segments(["nowhere"]))]));
    high.publish(flag_set([("a", Flag::on())]));
    assert_eq!(flags.evaluate("a", "u1").reason(), Reason::On);
    assert_eq!(problems(&flags), [[""; 0]; 2]);
}

#[test]
fn an_unknown_segment_makes_its_flag_invalid_and_is_a_problem() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("other", Flag::on())]));
    let rules = [
        Rule::new(),
        Rule::new()
            .with_segments([Reference::new("staff"), Reference::new("nowhere").at(Location { line: 3, column: 7 })]),
    ];
    let declared = flag_set([("a", Flag::on().with_rules(rules))]);
    high.publish(with_segment(declared, "staff", Segment::new().with_included(["u1"])));
    let evaluation = flags.evaluate("a", "u1");
    assert_eq!((evaluation.is_on(), evaluation.reason(), evaluation.rule()), (false, Reason::Invalid, None));
    assert_eq!(evaluation.layer().map(Provenance::as_str), Some("high:"));
    assert!(flags.is_on("other", "u1"), "other flags are not affected");
    assert_eq!(
        problems(&flags),
        [
            vec![],
            vec![
                "3:7: flags.a.rules: got the unknown segment \"nowhere\", expected a segment that is declared; \
                 the flag is invalid until the segment is declared"
                    .to_owned()
            ]
        ]
    );
}

#[test]
fn an_unknown_prerequisite_is_a_problem_and_off() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    let required = Reference::new("new-index").at(Location { line: 2, column: 13 });
    low.publish(flag_set([
        ("known", Flag::on()),
        ("a", Flag::on().with_prerequisites([Reference::new("known"), required])),
    ]));
    let evaluation = flags.evaluate("a", "u1");
    assert_eq!((evaluation.is_on(), evaluation.reason()), (false, Reason::Prerequisite { index: 1 }));
    assert_eq!(
        problems(&flags),
        [
            vec![
                "2:13: flags.a.requires: got the undeclared flag \"new-index\", expected flags that are declared; \
                 this flag is off as long as that one is"
                    .to_owned()
            ],
            vec![]
        ]
    );
    high.publish(flag_set([("new-index", Flag::on())]));
    assert!(flags.is_on("a", "u1"));
    assert_eq!(problems(&flags), [[""; 0]; 2]);
    high.publish(FlagSet::new());
    assert!(!flags.is_on("a", "u1"));
    assert_eq!(problems(&flags)[0].len(), 1);
}

#[test]
fn a_prerequisite_that_is_invalid_or_off_is_off() {
    let (flags, [file]) = layers(["file:"]);
    let dependent_on = |key| Flag::on().with_prerequisites([Reference::new(key)]);
    let mut declared = flag_set([
        ("dark", Flag::off()),
        ("a", dependent_on("dark")),
        ("b", dependent_on("invalid")),
        ("c", dependent_on("a")),
    ]);
    declared.insert_invalid(key("invalid"));
    file.publish(declared);
    for key in ["a", "b", "c"] {
        assert_eq!(flags.evaluate(key, "u1").reason(), Reason::Prerequisite { index: 0 }, "{key}");
        assert!(flags.snapshot().flag(key).is_some(), "{key} itself is valid");
    }
    assert_eq!(problems(&flags), [[""; 0]]);
}

#[test]
fn problems_of_a_layer_are_in_the_order_of_its_document() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    let at = |name: &str, line, column| Reference::new(name).at(Location { line, column });
    let declared = |locations: [(usize, usize); 4]| {
        let [first, second, third, fourth] = locations;
        flag_set([
            ("a", Flag::on().with_rules([Rule::new().with_segments([at("nowhere", first.0, first.1)])])),
            ("b", Flag::on().with_prerequisites([at("undeclared", second.0, second.1)])),
            ("c", Flag::on().with_prerequisites([at("c", third.0, third.1)])),
            ("d", Flag::on().with_rules([Rule::new().with_segments([at("nowhere", fourth.0, fourth.1)])])),
        ])
    };
    let expected = |paths: [&str; 4]| paths.map(|path| format!("flags.{path}")).to_vec();
    let paths = |problems: &[Problem]| problems.iter().map(|problem| problem.path().to_owned()).collect::<Vec<_>>();
    let own = Problem::new("flags.e", "120", "a percentage").at(1, 1);
    low.publish(Load::new(declared([(9, 1), (2, 5), (2, 4), (10, 1)])));
    high.publish(Load::new(FlagSet::new()).with_problems([own.clone()]));
    let sources = flags.status().sources;
    assert_eq!(paths(&sources[0].problems), expected(["c.requires", "b.requires", "a.rules", "d.rules"]));
    assert_eq!(sources[1].problems, [own]);

    low.publish(declared([(1, 1), (2, 1), (3, 1), (4, 1)]));
    let sources = flags.status().sources;
    assert_eq!(paths(&sources[0].problems), expected(["a.rules", "b.requires", "c.requires", "d.rules"]));
}

#[test]
fn a_problem_belongs_to_the_layer_of_the_effective_flag() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", for_segments(["nowhere"])), ("b", for_segments(["nowhere"]))]));
    high.publish(flag_set([("a", for_segments(["elsewhere"]))]));
    let [below, above] = &problems(&flags)[..] else { panic!("two layers") };
    assert!(below.len() == 1 && below[0].starts_with("flags.b.rules"), "{below:?}");
    assert!(above.len() == 1 && above[0].starts_with("flags.a.rules"), "{above:?}");
}

#[test]
fn a_rule_that_names_an_unknown_variant_makes_its_flag_invalid() {
    let (flags, [file]) = layers(["file:"]);
    let rules = || [Rule::new().with_variant("green")];
    let blue = Variants::new([(Variant::new("blue"), 1)]).expect("variants");
    file.publish(flag_set([
        ("another", Flag::on().with_rules(rules()).with_variants(blue)),
        ("none", Flag::on().with_rules(rules())),
    ]));
    for key in ["another", "none"] {
        assert_eq!(flags.evaluate(key, "u1").reason(), Reason::Invalid, "{key}");
    }
}

#[test]
fn a_flag_keeps_its_last_good_definition_when_its_segment_is_removed() {
    let (flags, [file]) = layers(["file:"]);
    let iberia = Segment::new().when(country("PT"));
    file.publish(with_segment(flag_set([("beta", for_segments(["iberia"]))]), "iberia", iberia));
    assert!(flags.is_on("beta", &from("PT")));

    for invalid in [flag_set([("beta", for_segments(["iberai"]))]), flag_set([("beta", for_segments(["iberia"]))])] {
        file.publish(invalid);
        assert!(flags.is_on("beta", &from("PT")) && !flags.is_on("beta", &from("DE")), "the flag keeps its definition");
        assert_eq!(problems(&flags)[0].len(), 1);
    }
    file.publish(flag_set([("beta", Flag::off())]));
    assert!(!flags.is_on("beta", &from("PT")), "a flag can be turned off at any time");
    file.publish(flag_set([("beta", for_segments(["iberia"]))]));
    assert_eq!(flags.evaluate("beta", &from("PT")).reason(), Reason::Off, "off is the last good definition now");
}

#[test]
fn a_flag_can_always_be_turned_off() {
    let (flags, [low]) = layers(["low:"]);
    let dependent = Flag::on().with_prerequisites([Reference::new("d")]);
    let good = flag_set([("a", for_segments(["s"])), ("c", dependent.clone()), ("d", Flag::on())]);
    low.publish(with_segment(good, "s", Segment::new().with_included(["u1"])));
    assert!(flags.is_on("a", "u1") && flags.is_on("c", "u1"));
    let off =
        |flag: Flag| Flag::off().with_rules(flag.rules().to_vec()).with_prerequisites(flag.prerequisites().to_vec());
    let cycle = Flag::on().with_prerequisites([Reference::new("c")]);
    low.publish(flag_set([("a", off(for_segments(["gone"]))), ("c", off(dependent)), ("d", cycle)]));
    assert!(!flags.is_on("a", "u1") && flags.evaluate("a", "u1").reason() == Reason::Off);
    assert!(!flags.is_on("c", "u1") && flags.evaluate("c", "u1").reason() == Reason::Off);
    assert_eq!(problems(&flags)[0].len(), 3, "{:?}", problems(&flags));
}

#[test]
fn problems_are_capped() {
    let (flags, [file]) = layers(["file:"]);
    file.publish((0..3_000).map(|n| (key(&format!("f{n}")), for_segments(["nowhere"]))).collect::<FlagSet>());
    assert_eq!(problems(&flags)[0].len(), 1_000);
}
