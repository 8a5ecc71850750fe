//! Models of call sites: loom runs each of them in every interleaving, and with every value that a load may return on a
//! weakly ordered processor.
//!
//! Run by `scripts/loom`. A test on one machine cannot show these orders: x86-64 never reorders two loads or two
//! stores.

use loom::thread;

use super::*;
use crate::model::key::FlagKey;
use crate::model::provenance::Provenance;
use crate::model::{Flag, FlagSet, Rule, Stage};
use crate::publish::publisher::Publisher;
use crate::publish::snapshot::StageLookup;
use crate::subject::Context;

fn set(flag: Flag) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new("k").expect("a key"), flag)])
}

/// Installs flags for one run of a model, and returns the publisher of their layer.
fn installed(flag: Flag) -> Publisher {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("model:"));
    publisher.publish(set(flag));
    assert!(install(flags).is_ok());
    publisher
}

fn site() -> &'static CallSite {
    Box::leak(Box::new(CallSite::new("k")))
}

/// Checks the model under all interleavings with at most this many involuntary switches of threads.
fn check(switches: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches);
    builder.check(model);
}

#[test]
fn a_site_that_joins_during_a_publish_is_not_left_stale() {
    check(3, || {
        let (publisher, site) = (installed(Flag::off()), site());
        let reader = thread::spawn(move || {
            let answers = [site.is_on(), site.is_on(), site.is_on()];
            assert!(answers.is_sorted(), "an older answer after a newer one: {answers:?}");
        });
        publisher.publish(set(Flag::on()));
        reader.join().expect("no panic");
        assert!(site.is_on());
        assert_ne!(site.state(), State::UNREGISTERED);
    });
}

#[test]
fn a_site_that_has_joined_follows() {
    check(3, || {
        let (publisher, site) = (installed(Flag::off()), site());
        assert!(!site.is_on());
        let reader = thread::spawn(move || {
            let answers = [site.is_on(), site.is_on()];
            assert!(answers.is_sorted(), "{answers:?}");
        });
        publisher.publish(set(Flag::on()));
        assert!(site.is_on(), "the publisher reads its own flags");
        reader.join().expect("no panic");
    });
}

#[test]
fn a_seed_is_never_seen_with_the_threshold_of_another() {
    check(3, || {
        let part = |salt: &str, percent: &str| Flag::on().with_salt(salt).with_rollout(percent.parse().expect("it"));
        let (publisher, site) = (installed(part("first", "25")), site());
        site.is_on_for("u1");
        let before = site.state();
        let reader = thread::spawn(move || [site.state(), site.state()]);
        publisher.publish(set(part("second", "75")));
        let after = site.state();
        assert_ne!(before, after);
        let states = reader.join().expect("no panic");
        let positions = states.map(|state| [before, after].iter().position(|known| *known == state));
        assert!(matches!(positions, [Some(0), Some(0 | 1)] | [Some(1), Some(1)]), "{states:?}");
    });
}

#[test]
fn no_older_answer_comes_after_a_newer_one_when_rules_come_and_go() {
    check(2, || {
        let evaluated = || Flag::on().with_bucket_by("account").with_rollout("50".parse().expect("it"));
        let (publisher, site) = (installed(evaluated()), site());
        assert!(!site.is_on(), "no subject, so no account");
        let reader = thread::spawn(move || {
            let answers = [site.is_on(), site.is_on()];
            // Evaluated, off, on: the last one published is on.
            assert!(answers.is_sorted(), "{answers:?}");
        });
        publisher.publish(set(Flag::off()));
        publisher.publish(set(Flag::on()));
        reader.join().expect("no panic");
        assert!(site.is_on());
    });
}

#[test]
fn two_sites_join_at_once() {
    check(2, || {
        let (publisher, first, second) = (installed(Flag::off()), site(), site());
        let readers = [first, second].map(|site| thread::spawn(move || site.is_on()));
        publisher.publish(set(Flag::on()));
        for reader in readers {
            reader.join().expect("no panic");
        }
        assert!(first.is_on() && second.is_on());
    });
}

/// The kinds of states: three that hold the whole answer, and one that refers to the snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Off,
    On,
    Part,
    Evaluate,
}

const KINDS: [Kind; 4] = [Kind::Off, Kind::On, Kind::Part, Kind::Evaluate];

/// Returns a flag with a state of this kind that is on or off for the subject `u1`. `None` if there is no such flag.
fn flag(kind: Kind, on: bool) -> Option<Flag> {
    let part = || Flag::on().with_rollout("50".parse().expect("a percentage"));
    match kind {
        Kind::Off => (!on).then(Flag::off),
        Kind::On => on.then(Flag::on),
        // `u1` is in the half of the salt `a`, and not in the half of the salt `b`.
        Kind::Part => Some(part().with_salt(if on { "a" } else { "b" })),
        Kind::Evaluate => {
            let listed = if on { "u1" } else { "u2" };
            Some(Flag::on().with_rollout("0".parse().expect("it")).with_rules([Rule::new().with_subjects([listed])]))
        }
    }
}

/// Checks that a reader never gets an older answer after a newer one while these flags are published in order.
///
/// All answers before some flag differ from all answers after it, so an older answer after a newer one is visible.
fn check_order(kinds: [Kind; 3], answers: [bool; 3]) {
    let flags = [0, 1, 2].map(|index| flag(kinds[index], answers[index]));
    let [Some(first), Some(second), Some(third)] = flags else { return };
    check(2, move || {
        let (publisher, site) = (installed(first.clone()), site());
        assert_eq!(site.is_on_for("u1"), answers[0]);
        let reader = thread::spawn(move || {
            let read = [site.is_on_for("u1"), site.is_on_for("u1")];
            let is_ordered = read[0] == read[1] || read == [answers[0], answers[2]];
            assert!(is_ordered, "{kinds:?} with {answers:?}: read {read:?}");
        });
        publisher.publish(set(second.clone()));
        publisher.publish(set(third.clone()));
        reader.join().expect("no panic");
        assert_eq!(site.is_on_for("u1"), answers[2]);
    });
}

/// Checks every sequence that begins with this kind.
fn check_all_from(first: Kind) {
    for second in KINDS {
        for third in KINDS {
            for [a, b] in [[false, true], [true, false]] {
                check_order([first, second, third], [a, a, b]);
                check_order([first, second, third], [a, b, b]);
            }
        }
    }
}

#[test]
fn no_older_answer_comes_after_a_newer_one_from_off() {
    check_all_from(Kind::Off);
}

#[test]
fn no_older_answer_comes_after_a_newer_one_from_on() {
    check_all_from(Kind::On);
}

#[test]
fn no_older_answer_comes_after_a_newer_one_from_a_rollout() {
    check_all_from(Kind::Part);
}

#[test]
fn no_older_answer_comes_after_a_newer_one_from_rules() {
    check_all_from(Kind::Evaluate);
}

/// Reads the stage as a plan does.
fn read_stage(site: &'static CallSite) -> StageLookup {
    let tenant = Context::new("").with("tenant", 7_i64);
    site.stage().map_or_else(|| site.stage_slow(&tenant, true), StageLookup::At)
}

/// A stage that is in the word of the site, and one that is looked up in the snapshot.
#[test]
fn no_earlier_stage_comes_after_a_later_one() {
    let stages = [Stage::Off, Stage::DualWrite, Stage::Shadow];
    for partitioned in 0..8_u8 {
        check(2, move || {
            let flag = |index: usize| {
                let flag = Flag::migration().at_stage(stages[index]);
                if partitioned & 1 << index == 0 { flag } else { flag.with_bucket_by("tenant") }
            };
            let (publisher, site) = (installed(flag(0)), site());
            assert_eq!(read_stage(site), StageLookup::At(stages[0]));
            let reader = thread::spawn(move || {
                let read = [read_stage(site), read_stage(site)].map(|stage| match stage {
                    StageLookup::At(stage) => stage,
                    _ => panic!("{stage:?}"),
                });
                assert!(read.is_sorted(), "{partitioned:03b}: {read:?}");
            });
            publisher.publish(set(flag(1)));
            publisher.publish(set(flag(2)));
            reader.join().expect("no panic");
            assert_eq!(read_stage(site), StageLookup::At(stages[2]));
        });
    }
}
