//! A flag may have an off variant, which it serves while it is off, as in other flag systems.

use flagkit_core::source::{Condition, Operator, Provenance, Reference, Rule};
use flagkit_core::{Flag, Flags, Percent, Variant, Variants};

use crate::support::{self, flag_set};

fn theme() -> Variants {
    Variants::new([(Variant::new("plain"), 0), (Variant::new("blue"), 1_000_000)]).expect("variants")
}

fn on() -> Flag {
    Flag::on().with_variants(theme()).with_off_variant("plain")
}

fn fixed(flag: Flag) -> Flags {
    support::fixed([("theme", flag), ("off", Flag::off())])
}

fn decision(flags: &Flags) -> (bool, &'static str, Option<String>) {
    let evaluation = flags.evaluate("theme", "user-1");
    let variant = flags.variant("theme", "user-1");
    assert_eq!(evaluation.variant(), variant.as_ref());
    assert_eq!(flags.is_on("theme", "user-1"), evaluation.is_on());
    (evaluation.is_on(), evaluation.reason().as_str(), variant.map(|variant| variant.name().to_owned()))
}

#[test]
fn the_off_variant_is_served_for_every_reason_of_being_off() {
    let off_variant = |reason| (false, reason, Some("plain".to_owned()));
    let no_subject = Condition::attribute("country", Operator::one_of(["PT"]));
    for (flag, expected) in [
        (on(), (true, "on", Some("blue".to_owned()))),
        (Flag::off().with_variants(theme()).with_off_variant("plain"), off_variant("off")),
        (Flag::off().with_variants(theme()), (false, "off", None)),
        (on().with_prerequisites([Reference::new("off")]), off_variant("prerequisite")),
        (on().with_rollout(Percent::ZERO), off_variant("rollout")),
        (
            on().with_rollout(Percent::new(50).expect("a percentage")).with_bucket_by("account"),
            off_variant("missing-bucketing-value"),
        ),
        (on().with_rules([Rule::new().with_rollout(Percent::ZERO).with_variant("blue")]), off_variant("rollout")),
        (on().with_rollout(Percent::ZERO).with_rules([Rule::new().when(no_subject)]), off_variant("rollout")),
    ] {
        assert_eq!(decision(&fixed(flag.clone())), expected, "{flag:?}");
    }
}

#[test]
fn an_unknown_off_variant_makes_the_flag_invalid() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    let set = |flag| flag_set([("theme", flag)]);
    publisher.publish(set(on().with_off_variant("gone")));
    assert_eq!(decision(&flags), (false, "invalid", None));
    let problems = &flags.status().sources[0].problems;
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(
        problem.to_string(),
        "flags.theme: got the unknown variant \"gone\", expected one of the flag's variants"
    );
    publisher.publish(set(on()));
    assert_eq!(decision(&flags), (true, "on", Some("blue".to_owned())));
}
