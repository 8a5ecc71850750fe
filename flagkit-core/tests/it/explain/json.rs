//! The JSON of an explanation has the same content as its text.

use flagkit_core::source::{Condition, Operator, Provenance, Reference, Rule, Segment};
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Percent, Variant, Variants};
use serde_json::{Value, json};

use crate::support::{fixed, flag_set};

fn flags() -> Flags {
    let key = |text| FlagKey::new(text).expect("a key");
    let rule = Rule::new()
        .with_name("staff")
        .with_subjects(["u1"])
        .with_segments([Reference::new("staff")])
        .when(
            Condition::any([
                Condition::attribute("plan", Operator::none_of(["free"])),
                Condition::attribute("beta", Operator::exists()),
            ])
            .expect("not too deep"),
        )
        .with_rollout(Percent::new(60).expect("a percentage"));
    let variants = Variants::new([(Variant::new("blue"), 1), (Variant::new("red"), 1)]).expect("variants");
    let mut set = FlagSet::from_iter([
        (
            key("search"),
            Flag::on().with_prerequisites([Reference::new("index")]).with_rules([rule]).with_variants(variants),
        ),
        (key("index"), Flag::on()),
        (key("part"), Flag::on().with_rollout(Percent::new(60).expect("a percentage"))),
        (key("whole"), Flag::on().with_prerequisites([Reference::new("part")])),
        (key("dark"), Flag::off()),
    ]);
    let every_subject = Condition::attribute("country", Operator::is_missing());
    set.insert_segment("staff", Segment::new().when(every_subject));
    Flags::fixed(set)
}

fn explain(key: &str, subject: &Context) -> Value {
    serde_json::to_value(flags().explain(key, subject)).expect("it serialises")
}

#[test]
fn every_member_is_there() {
    let subject = Context::new("u1").with("plan", "paid");
    assert_eq!(
        explain("search", &subject),
        json!({
            "key": "search",
            "on": true,
            "reason": "rollout",
            "prerequisite": null,
            "point": 1_100_995_022,
            "threshold": 1_288_490_188,
            "rule": 0,
            "variant": "blue",
            "layer": "fixed:",
            "revision": 1,
            "steps": [
                { "requires": "index", "on": true, "reason": "on", "steps": [] },
                {
                    "name": "rule 0 \"staff\"",
                    "verdict": "yes",
                    "steps": [
                        { "attribute": "id", "operator": "is one of 1 listed", "actual": null, "verdict": "yes" },
                        {
                            "name": "segment \"staff\"",
                            "verdict": "yes",
                            "steps": [
                                {
                                    "attribute": "country",
                                    "operator": "is not there",
                                    "actual": null,
                                    "verdict": "yes",
                                },
                            ],
                        },
                        {
                            "name": "any of",
                            "verdict": "yes",
                            "steps": [
                                {
                                    "attribute": "plan",
                                    "operator": "is none of [\"free\"]",
                                    "actual": "\"paid\"",
                                    "verdict": "yes",
                                },
                                { "attribute": "beta", "operator": "is there", "actual": null, "verdict": "no" },
                            ],
                        },
                    ],
                },
                { "variant": "blue", "point": 996_225_005 },
            ],
        })
    );
}

#[test]
fn a_prerequisite_shows_its_rollout() {
    let whole = explain("whole", &Context::new("u1"));
    let required = &whole["steps"][0];
    assert_eq!((&required["requires"], &required["reason"]), (&json!("part"), &json!("rollout")));
    let part = explain("part", &Context::new("u1"));
    assert_eq!((&required["point"], &required["threshold"]), (&part["point"], &part["threshold"]));
    assert!(part["point"].is_u64() && part["threshold"] == 1_288_490_188);
}

#[test]
fn absent_values_are_null() {
    let anonymous = Context::anonymous();
    assert_eq!(
        explain("undeclared", &anonymous),
        json!({
            "key": "undeclared",
            "on": false,
            "reason": "not-found",
            "prerequisite": null,
            "rule": null,
            "variant": null,
            "layer": null,
            "revision": 1,
            "steps": [],
        })
    );
    assert_eq!(explain("dark", &anonymous)["reason"], "off");
    assert_eq!(explain("dark", &anonymous)["layer"], "fixed:");
}

#[test]
fn members_keep_their_order() {
    let text = serde_json::to_string(&flags().explain("index", "u1")).expect("it serialises");
    assert_eq!(
        text,
        concat!(
            r#"{"key":"index","on":true,"reason":"on","prerequisite":null,"rule":null,"variant":null,"#,
            r#""layer":"fixed:","revision":1,"steps":[]}"#
        )
    );
}

#[test]
fn a_variant_that_was_not_hashed_has_no_point() {
    let step = |weights: [u64; 2]| {
        let variants = Variants::new([(Variant::new("a"), weights[0]), (Variant::new("b"), weights[1])]);
        let flags = fixed([("k", Flag::on().with_variants(variants.expect("weights")))]);
        serde_json::to_value(flags.explain("k", &())).expect("it serializes")["steps"].clone()
    };
    assert_eq!(step([1, 0]), json!([{ "variant": "a", "point": null }]));
    assert_eq!(step([1, 1]), json!([{ "variant": null, "point": null }]));
}

#[test]
fn the_parts_of_a_flag_that_inherits_have_their_layers() {
    let flags = Flags::new();
    let publish = |name, flag| flags.add_layer(Provenance::new(name)).publish(flag_set([("k", flag)]));
    publish("file:", Flag::off().with_rules([Rule::new()]));
    publish("prod:", Flag::inherit().enabled());
    let explained = serde_json::to_value(flags.explain("k", "u1")).expect("it serializes");
    assert_eq!(explained["parts"], json!({ "on": "prod:", "rollout": "file:", "rules": "file:" }));
    assert_eq!(explained["layer"], "prod:");
}
