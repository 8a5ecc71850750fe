//! Flags with prerequisites that form a cycle or too long a chain are invalid, and a read of them ends at once.

use flagkit_core::source::{Location, Problem, Provenance, Publisher, Reference};
use flagkit_core::tooling::Step;
use flagkit_core::{Flag, FlagSet, Flags, Percent, Reason};

use crate::support::{flag_set, key, layers};

const VERY_LONG: usize = 100_000;

fn nth(index: usize) -> String {
    format!("flag-{index}")
}

fn dependent_on<S: AsRef<str>>(keys: impl IntoIterator<Item = S>) -> Flag {
    Flag::on().with_prerequisites(keys.into_iter().map(|key| Reference::new(key.as_ref())))
}

fn file() -> (Flags, Publisher) {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    (flags, publisher)
}

fn problems(flags: &Flags) -> Vec<Problem> {
    flags.status().sources.into_iter().flat_map(|source| source.problems).collect()
}

fn reason(flags: &Flags, key: &str) -> Reason {
    let evaluation = flags.evaluate(key, "u1");
    assert_eq!(*flags.explain(key, "u1").evaluation(), evaluation);
    assert_eq!(flags.is_on(key, "u1"), evaluation.is_on());
    evaluation.reason()
}

/// A chain of `flags` flags, each of which requires the one before it. The first flag is on.
fn chain(flags: usize) -> FlagSet {
    let later = (1..flags).map(|index| (key(&nth(index)), dependent_on([nth(index - 1)])));
    [(key(&nth(0)), Flag::on())].into_iter().chain(later).collect()
}

fn cycle(flags: usize) -> FlagSet {
    (0..flags).map(|index| (key(&nth(index)), dependent_on([nth((index + 1) % flags)]))).collect()
}

#[test]
fn cycles_of_any_length_are_invalid() {
    for length in [1, 2, 3, 31, 32, 33, 34, 1_000] {
        let (flags, publisher) = file();
        let mut declared = cycle(length);
        declared.insert(key("outer"), dependent_on([nth(0)]));
        declared.insert(key("outermost"), dependent_on(["free", "outer"]));
        declared.insert(key("free"), Flag::on());
        publisher.publish(declared);
        for index in 0..length {
            assert_eq!(reason(&flags, &nth(index)), Reason::Invalid, "{index} of {length}");
        }
        assert_eq!(reason(&flags, "outer"), Reason::Invalid, "a flag that requires them is invalid too");
        assert_eq!(reason(&flags, "outermost"), Reason::Invalid);
        assert_eq!(reason(&flags, "free"), Reason::On);
        let problems = problems(&flags);
        assert_eq!(problems.len(), (length + 2).min(1_000), "the list is capped");
        assert!(problems.iter().all(|problem| problem.got().contains("circle")), "{problems:?}");
    }
}

#[test]
fn a_very_long_cycle_is_invalid() {
    let (flags, publisher) = file();
    let mut declared = cycle(VERY_LONG);
    declared.insert(key("free"), Flag::on());
    publisher.publish(declared);
    for index in [0, 1, 31, 32, 33, VERY_LONG / 2, VERY_LONG - 1] {
        assert_eq!(reason(&flags, &nth(index)), Reason::Invalid, "{index}");
    }
    assert_eq!(reason(&flags, "free"), Reason::On);
    assert_eq!(problems(&flags).len(), 1_000, "the list is capped");
}

#[test]
fn a_very_long_chain_is_invalid_from_the_flag_that_is_too_deep() {
    let (flags, publisher) = file();
    publisher.publish(chain(VERY_LONG));
    for index in [0, 1, 31, 32] {
        assert_eq!(reason(&flags, &nth(index)), Reason::On, "{index}");
    }
    for index in [33, 34, VERY_LONG / 2, VERY_LONG - 1] {
        assert_eq!(reason(&flags, &nth(index)), Reason::Invalid, "{index}");
    }
    assert_eq!(problems(&flags).len(), 1_000, "the list is capped");
}

#[test]
fn a_flag_may_have_a_thousand_prerequisites_and_no_more() {
    let (flags, publisher) = file();
    let mut declared: FlagSet = (0..VERY_LONG).map(|index| (key(&nth(index)), Flag::on())).collect();
    declared.insert(key("many"), dependent_on((0..1_000).map(nth)));
    publisher.publish(declared.clone());
    assert_eq!(reason(&flags, "many"), Reason::On);
    assert_eq!(flags.explain("many", "u1").steps().len(), 1_000);
    assert_eq!(problems(&flags), []);

    declared.insert(key("one-more"), dependent_on((0..1_001).map(nth)));
    declared.insert(key("all"), dependent_on((0..VERY_LONG).map(nth)));
    publisher.publish(declared);
    let reasons = ["many", "one-more", "all"].map(|key| reason(&flags, key));
    assert_eq!(reasons, [Reason::On, Reason::Invalid, Reason::Invalid]);
    assert_eq!(problems(&flags).len(), 2);
}

#[test]
fn a_chain_through_thirty_two_flags_is_valid() {
    let (flags, publisher) = file();
    publisher.publish(chain(33));
    assert_eq!(reason(&flags, &nth(32)), Reason::On);
    assert_eq!(problems(&flags), []);
    assert_eq!(depth(flags.explain(&nth(32), "u1").steps()), 32);

    let mut dark_at_the_end = chain(33);
    dark_at_the_end.insert(key(&nth(0)), Flag::on().with_rollout(Percent::ZERO));
    publisher.publish(dark_at_the_end);
    assert_eq!(reason(&flags, &nth(32)), Reason::Prerequisite { index: 0 });
}

#[test]
fn a_chain_through_thirty_three_flags_is_invalid() {
    let (flags, publisher) = file();
    publisher.publish(chain(34));
    assert_eq!(reason(&flags, &nth(33)), Reason::Invalid);
    assert_eq!(reason(&flags, &nth(32)), Reason::On, "the flag before the last is valid");
    let problems = problems(&flags);
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].to_string(),
        "flags.flag-33.requires: got a chain of more than 32 prerequisites, \
         expected a chain of at most 32 prerequisites, at most 1000 paths, and no circle; \
         the flag is invalid until then"
    );
}

fn depth(steps: &[Step]) -> usize {
    let inner = |step: &Step| match step {
        Step::Prerequisite { steps, .. } => 1 + depth(steps),
        _ => 0,
    };
    steps.iter().map(inner).max().unwrap_or_default()
}

#[test]
fn a_diamond_is_no_cycle() {
    let (flags, publisher) = file();
    let declared = || {
        flag_set([
            ("top", dependent_on(["left", "right"])),
            ("left", dependent_on(["bottom"])),
            ("right", dependent_on(["bottom"])),
            ("bottom", Flag::on()),
            ("twice", dependent_on(["bottom", "bottom"])),
            ("across", dependent_on(["left", "bottom", "top"])),
        ])
    };
    publisher.publish(declared());
    for key in ["top", "left", "right", "twice", "across"] {
        assert_eq!(reason(&flags, key), Reason::On, "{key}");
    }
    let mut dark = declared();
    dark.insert(key("right"), Flag::off());
    publisher.publish(dark);
    assert_eq!(reason(&flags, "top"), Reason::Prerequisite { index: 1 });
    assert_eq!(reason(&flags, "across"), Reason::Prerequisite { index: 2 });
    assert_eq!(reason(&flags, "left"), Reason::On);
    assert_eq!(problems(&flags), []);
}

#[test]
fn the_longest_of_several_paths_counts() {
    let (flags, publisher) = file();
    let mut declared = chain(34);
    declared.insert(key("short-cut"), dependent_on([nth(0), nth(31)]));
    declared.insert(key("detour"), dependent_on([nth(0), nth(32)]));
    publisher.publish(declared);
    assert_eq!(reason(&flags, "short-cut"), Reason::On);
    assert_eq!(reason(&flags, "detour"), Reason::Invalid);
}

#[test]
fn a_cycle_comes_and_goes_with_a_layer() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", dependent_on(["b"])), ("b", Flag::on())]));
    assert_eq!(reason(&flags, "a"), Reason::On);

    let back = Reference::new("a").at(Location { line: 4, column: 2 });
    high.publish(flag_set([("b", Flag::on().with_prerequisites([back]))]));
    assert_eq!([reason(&flags, "a"), reason(&flags, "b")], [Reason::On; 2], "both keep their definitions");
    let sources = flags.status().sources;
    let paths: Vec<Vec<&str>> =
        sources.iter().map(|source| source.problems.iter().map(Problem::path).collect()).collect();
    assert_eq!(paths, [["flags.a.requires"], ["flags.b.requires"]], "each layer reports its own flag");
    assert_eq!(sources[1].problems[0].location(), Some(Location { line: 4, column: 2 }));

    high.publish(flag_set([("a", Flag::off())]));
    assert_eq!(reason(&flags, "a"), Reason::Off);
    assert_eq!(reason(&flags, "b"), Reason::On);
    high.publish(FlagSet::new());
    assert_eq!(reason(&flags, "a"), Reason::On);
    assert_eq!(problems(&flags), []);
}

#[test]
fn a_disabled_flag_still_closes_a_cycle() {
    let (flags, publisher) = file();
    publisher
        .publish(flag_set([("a", dependent_on(["b"])), ("b", Flag::off().with_prerequisites([Reference::new("a")]))]));
    assert_eq!([reason(&flags, "a"), reason(&flags, "b")], [Reason::Invalid, Reason::Off]);
    let problems = problems(&flags);
    let paths: Vec<&str> = problems.iter().map(Problem::path).collect();
    assert_eq!(paths, ["flags.a.requires", "flags.b.requires"], "the problem is reported before the flag is on");
}

#[test]
fn an_earlier_definition_that_closes_the_same_cycle_is_dark() {
    let (flags, publisher) = file();
    publisher.publish(flag_set([("a", dependent_on(["b"])), ("b", Flag::on())]));
    assert_eq!(reason(&flags, "a"), Reason::On);
    publisher
        .publish(flag_set([("a", dependent_on(["b"])), ("b", Flag::off().with_prerequisites([Reference::new("a")]))]));
    assert_eq!([reason(&flags, "a"), reason(&flags, "b")], [Reason::Invalid, Reason::Off]);
}

/// The kept definition of one flag may form a cycle with the new definition of another.
#[test]
fn an_earlier_definition_in_a_cycle_with_a_new_one_is_dark() {
    let (flags, publisher) = file();
    publisher.publish(flag_set([("a", dependent_on(["b", "b"])), ("b", Flag::on())]));
    assert_eq!(reason(&flags, "a"), Reason::On);

    let unknown = flagkit_core::source::Rule::new().with_segments([Reference::new("nowhere")]);
    publisher.publish(flag_set([("a", Flag::on().with_rules([unknown])), ("b", dependent_on(["a", "a"]))]));
    for key in ["a", "b"] {
        let evaluation = flags.evaluate(key, "u1");
        assert!(evaluation.is_on() || evaluation.reason() == Reason::Invalid, "{key}: {evaluation}");
        assert!(flags.explain(key, "u1").to_string().lines().count() < 10, "no path is followed forever");
    }
}
