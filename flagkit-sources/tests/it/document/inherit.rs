//! `inherit = true` in both formats: what a flag keeps of the layer below, and the location of each mistake.

use flagkit_core::source::Provenance;
use flagkit_core::{Context, Flags};
use flagkit_sources::document::Format;

const BELOW: &str = "\
[flags.theme]
on = false
rollout = 0
rules = [{ if = { plan = \"beta\" }, variant = \"blue\" }]
variants = { plain = 1, blue = 0 }
";

/// Publishes documents as layers, lowest first. Returns their flags and all problems.
fn publish(layers: &[(Format, &str)]) -> (Flags, Vec<String>) {
    let flags = Flags::new();
    for (format, text) in layers {
        let load = format.read(text.as_bytes()).expect("loads");
        flags.add_layer(Provenance::new("test:")).publish(load);
    }
    let status = flags.status();
    let problems = status.sources.iter().flat_map(|source| source.problems.iter().map(ToString::to_string)).collect();
    (flags, problems)
}

#[test]
fn a_flag_that_inherits_keeps_what_it_does_not_state() {
    let toml = "[flags.theme]\ninherit = true\non = true\n";
    let json = "{\"flags\": {\"theme\": {\"inherit\": true, \"on\": true}}}";
    let beta = Context::new("u1").with("plan", "beta");
    for above in [(Format::Toml, toml), (Format::Json, json)] {
        let (flags, problems) = publish(&[(Format::Toml, BELOW), above]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(flags.variant("theme", &beta).map(|variant| variant.name().to_owned()), Some("blue".to_owned()));
        assert!(!flags.is_on("theme", "u2"));
    }
}

#[test]
fn without_inherit_a_flag_is_replaced_as_a_whole() {
    let beta = Context::new("u1").with("plan", "beta");
    for above in ["[flags.theme]\non = true\nrollout = 0\n", "[flags.theme]\ninherit = false\non = true\nrollout = 0\n"]
    {
        let (flags, _) = publish(&[(Format::Toml, BELOW), (Format::Toml, above)]);
        assert!(!flags.is_on("theme", &beta), "{above}");
    }
}

#[test]
fn a_rule_may_name_a_variant_of_the_layer_below() {
    let rule =
        |variant: &str| format!("[flags.theme]\ninherit = true\non = true\nrules = [{{ variant = \"{variant}\" }}]\n");
    let (flags, problems) = publish(&[(Format::Toml, BELOW), (Format::Toml, &rule("blue"))]);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(flags.variant("theme", "u2").map(|variant| variant.name().to_owned()), Some("blue".to_owned()));
    let (flags, problems) = publish(&[(Format::Toml, BELOW), (Format::Toml, &rule("bleu"))]);
    assert!(problems.iter().any(|problem| problem.contains("the unknown variant \"bleu\"")), "{problems:?}");
    assert!(!flags.is_on("theme", "u2"));
}

#[test]
fn a_flag_with_nothing_below_is_off_and_its_problem_has_a_location() {
    let (flags, problems) = publish(&[(Format::Toml, "[flags.theme]\non = true\ninherit = true\n")]);
    assert!(!flags.is_on("theme", "u1"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("3:11: flags.theme.inherit: got no flag to inherit from"), "{problems:?}");
    let json = "{\"flags\": {\n\"theme\": {\"inherit\": true}}}";
    let (_, problems) = publish(&[(Format::Json, json)]);
    assert!(problems[0].starts_with("2:22: flags.theme.inherit: got no flag to inherit from"), "{problems:?}");
    let (flags, problems) = publish(&[(Format::Toml, "[flags.theme]\non = false\ninherit = true\n")]);
    assert!(!flags.is_on("theme", "u1") && problems.len() <= 1, "{problems:?}");
}

#[test]
fn a_value_other_than_true_or_false_makes_the_flag_invalid() {
    for (value, got) in [("\"yes\"", "the text \"yes\""), ("1", "the number 1"), ("[\"on\"]", "an array of 1 value")] {
        let load = Format::Toml.read(format!("[flags.x]\non = true\ninherit = {value}\n").as_bytes()).expect("loads");
        let problems: Vec<String> = load.problems().iter().map(ToString::to_string).collect();
        assert_eq!(problems, [format!("3:11: flags.x.inherit: got {got}, expected true or false")]);
        assert!(load.flags().contains("x") && load.flags().get("x").is_none());
    }
}
