//! The exact text of explanations.

use flagkit_core::source::{Condition, Operator, Reference, Rule, Segment};
use flagkit_core::tooling::{Step, Verdict};
use flagkit_core::{Context, Flag, Flags, Percent, Variant, Variants};

use crate::support::{fixed, flag_set, percent};

fn is(name: &str, operator: Operator) -> Condition {
    Condition::attribute(name, operator)
}

fn flags() -> Flags {
    let iberia = Condition::all([
        is("country", Operator::one_of(["PT", "ES"])),
        is("plan", Operator::none_of(["free"])),
        Condition::any([
            is("beta", Operator::one_of([true])),
            is("seats", Operator::at_least(&100.into()).expect("a number")),
        ])
        .expect("not too deep"),
    ]);
    let rules = [
        Rule::new().with_name("testers").with_subjects(["u7", "u8"]).with_variant("red"),
        Rule::new()
            .with_segments([Reference::new("staff"), Reference::new("press")])
            .when(iberia.expect("not too deep"))
            .with_rollout(percent("60")),
    ];
    let variants = Variants::new([(Variant::new("blue"), 1), (Variant::new("red"), 1)]).expect("variants");
    let search = Flag::on()
        .with_rollout(Percent::ZERO)
        .with_prerequisites([Reference::new("new-index"), Reference::new("old-index")])
        .with_rules(rules)
        .with_variants(variants);
    let index = Flag::on().with_rules([Rule::new().when(is("country", Operator::exists()))]);
    let mut set =
        flag_set([("search", search), ("new-index", index.with_rollout(Percent::ZERO)), ("old-index", Flag::on())]);
    set.insert_segment("staff", Segment::new().when(is("email", Operator::ends_with(["@example.com"]))));
    set.insert_segment("press", Segment::new().with_included(["u1"]));
    Flags::fixed(set)
}

fn user(id: &str) -> Context {
    let user = Context::new(id).with("country", "PT").with("plan", "paid").with("beta", false).with("seats", 250);
    user.with("email", "u@example.org")
}

#[test]
fn an_explanation_shows_every_kind_of_step() {
    assert_eq!(
        flags().explain("search", &user("u1")).to_string(),
        "\
search is on: point 1100995022 is below threshold 1288490188, by rule 1, variant blue, from fixed: (revision 1)
  requires new-index: on, on for every subject it applies to
    rule 0: yes
      country is there: yes, got \"PT\"
  requires old-index: on, on for every subject it applies to
  rule 0 \"testers\": no
    id is one of 2 listed: no
  rule 1: yes
    segment \"staff\": no
      email ends with one of [\"@example.com\"]: no, got \"u@example.org\"
    segment \"press\": yes
      id is one of 1 included: yes
    all of: yes
      country is one of [\"ES\", \"PT\"]: yes, got \"PT\"
      plan is none of [\"free\"]: yes, got \"paid\"
      any of: yes
        beta is one of [true]: no, got false
        seats >= 100: yes, got 250
  variant blue: assigned by point 996225005
"
    );
}

#[test]
fn a_date_is_shown_as_it_is_written() {
    let before = Operator::before("2027-02-01T12:00:00+01:00").expect("a date");
    let rule = Rule::new().when(Condition::attribute("signed_up", before));
    let flags = fixed([("early", Flag::on().with_rules([rule]))]);
    let shown = flags.explain("early", &Context::new("u1").with("signed_up", "2026-01-01T00:00:00Z")).to_string();
    let test = "signed_up is before 2027-02-01T12:00:00+01:00: yes, got \"2026-01-01T00:00:00Z\"";
    assert!(shown.contains(test), "{shown}");
}

#[test]
fn parts_that_were_not_needed_are_evaluated_too() {
    let stranger = Context::new("u2").with("country", "DE").with("plan", ["free", "paid"]).with("seats", f64::NAN);
    assert_eq!(
        flags().explain("search", &stranger).to_string(),
        "\
search is off: point 141825756 is not below threshold 0, from fixed: (revision 1)
  requires new-index: on, on for every subject it applies to
    rule 0: yes
      country is there: yes, got \"DE\"
  requires old-index: on, on for every subject it applies to
  rule 0 \"testers\": no
    id is one of 2 listed: no
  rule 1: no
    segment \"staff\": unknown
      email ends with one of [\"@example.com\"]: unknown, got no value
    segment \"press\": no
      id is one of 1 included: no
    all of: no
      country is one of [\"ES\", \"PT\"]: no, got \"DE\"
      plan is none of [\"free\"]: no, got [\"free\", \"paid\"]
      any of: unknown
        beta is one of [true]: unknown, got no value
        seats >= 100: unknown, got NaN
"
    );
}

#[test]
fn rules_after_the_one_that_matches_are_not_evaluated() {
    let explanation = flags().explain("search", &user("u7"));
    assert_eq!(
        explanation.to_string(),
        "\
search is on: on for every subject it applies to, by rule 0, variant red, from fixed: (revision 1)
  requires new-index: on, on for every subject it applies to
    rule 0: yes
      country is there: yes, got \"PT\"
  requires old-index: on, on for every subject it applies to
  rule 0 \"testers\": yes
    id is one of 2 listed: yes
"
    );
    let Some(Step::Group { name, verdict, steps }) = explanation.steps().last() else { panic!("expected a rule") };
    assert_eq!((name.as_str(), *verdict), ("rule 0 \"testers\"", Verdict::Yes));
    assert!(matches!(&steps[..], [Step::Criterion { attribute, actual: None, .. }] if attribute == "id"));
}

#[test]
fn a_prerequisite_that_is_off_ends_the_explanation() {
    assert_eq!(
        flags().explain("search", &()).to_string(),
        "\
search is off: the prerequisite new-index is off, from fixed: (revision 1)
  requires new-index: off, on for a percentage, and the subject lacks the value to hash
    rule 0: no
      country is there: no, got no value
"
    );
}

#[test]
fn an_evaluation_without_steps_takes_one_line() {
    let explain = |key: &str| flags().explain(key, "u1").to_string();
    assert_eq!(explain("old-index"), "old-index is on: on for every subject it applies to, from fixed: (revision 1)\n");
    assert_eq!(explain("undeclared"), "undeclared is off: no layer declares it (revision 1)\n");
}

#[test]
fn a_variant_with_all_the_weight_needs_nothing_to_hash() {
    let weights = |weights: [u64; 2]| {
        let variants = Variants::new([(Variant::new("5"), weights[0]), (Variant::new("10"), weights[1])]);
        fixed([("load", Flag::on().with_variants(variants.expect("weights")))]).explain("load", &()).to_string()
    };
    assert_eq!(
        weights([100, 0]),
        "\
load is on: on for every subject it applies to, variant 5, from fixed: (revision 1)
  variant 5: it has all the weight
"
    );
    assert_eq!(
        weights([99, 1]),
        "\
load is on: on for every subject it applies to, from fixed: (revision 1)
  no variant: the subject lacks the value to hash
"
    );
}
