//! Expensive patterns are loaded or rejected within bounded memory. A hundred thousand rules load.

use std::fmt::Write;

use crate::support::in_own_process;
use crate::support::memory::{Baseline, MIB};
use flagkit_core::source::{Load, Payload, Provenance};
use flagkit_core::{Context, Flags};
use flagkit_sources::document::Format;

/// A flag with one rule for each condition.
fn document(conditions: impl Iterator<Item = String>) -> String {
    let mut text = "[flags.rules]\non = true\nrollout = 0\n".to_owned();
    for condition in conditions {
        write!(text, "[[flags.rules.rules]]\nif = {{ {condition} }}\n").expect("memory");
    }
    text
}

fn load(text: &str) -> Load {
    Format::Toml.read(text.as_bytes()).expect("well-formed")
}

fn publish(load: Load) -> Flags {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("test:")).publish(load);
    flags
}

#[test]
fn hostile_patterns() {
    const PATTERNS: usize = 200;
    if !in_own_process(module_path!(), "hostile_patterns") {
        return;
    }
    for (pattern, refused) in [
        (r"\w{1,50}", 0..=PATTERNS),
        (r"(\w{1,50}){50}", PATTERNS..=PATTERNS),
        ("(a|b)*a(a|b){30}", PATTERNS..=PATTERNS),
        ("(a+)+$", 0..=0),
        (r"((a{0,99}){0,99}){0,99}", PATTERNS..=PATTERNS),
    ] {
        let text = document((0..PATTERNS).map(|n| format!("a.matches = '{pattern}x{n}'")));
        let memory = Baseline::peak();
        let load = load(&text);
        assert!(refused.contains(&load.problems().len()), "{pattern}: {} refused", load.problems().len());
        assert!(load.problems().iter().all(|problem| problem.to_string().ends_with("too complex")), "{pattern}");
        memory.assert_growth_within(64 * MIB, pattern);
        let subject = Context::new("u1").with("a", "a".repeat(1_000));
        assert!(!publish(load).is_on("rules", &subject));
    }
}

#[test]
fn a_pattern_too_many() {
    let load = load(&document((0..1_001).map(|n| format!("a.matches = '{n}'"))));
    let [problem] = load.problems() else { panic!("one problem: {:?}", load.problems()) };
    assert!(problem.path().contains("rules[1000]") && problem.to_string().contains("1000 patterns"), "{problem}");
}

#[test]
fn a_hundred_thousand_rules_of_one_flag() {
    let load = load(&document((0..100_000).map(|n| format!("number = {n}"))));
    assert_eq!(load.problems(), []);
    let flags = publish(load);
    let evaluation = flags.evaluate("rules", &Context::new("u1").with("number", 99_999));
    assert_eq!((evaluation.is_on(), evaluation.rule()), (true, Some(99_999)));
    assert!(!flags.is_on("rules", &Context::new("u1").with("number", 100_000)));
}

/// This would take minutes if any lookup were linear.
#[test]
fn a_hundred_thousand_variants_that_are_all_named() {
    const VARIANTS: usize = 100_000;
    let mut text = "[flags.theme]\non = true\n[flags.theme.variants]\n".to_owned();
    (0..VARIANTS).for_each(|n| writeln!(text, "v{n:06} = 1").expect("memory"));
    text.push_str("[flags.theme.values]\n");
    (0..VARIANTS).for_each(|n| writeln!(text, "v{n:06} = {n}").expect("memory"));
    for n in 0..VARIANTS {
        write!(text, "[[flags.theme.rules]]\nsubjects = [{n}]\nvariant = \"v{n:06}\"\n").expect("memory");
    }
    let load = load(&text);
    assert_eq!(load.problems(), []);
    let variant = publish(load).variant("theme", &99_999).expect("it is named");
    assert_eq!((variant.name(), variant.payload()), ("v099999", Some(&Payload::Integer(99_999))));
}
