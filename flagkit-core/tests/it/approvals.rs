//! Where approvals are required, a flag that includes subjects is dark unless a verifier accepts it.

use std::sync::{Arc, Mutex};

use crate::support::{flag_set, key, layers, only_a, percent, unavailable};
use flagkit_core::source::{
    Approvable, Approval, ApprovalRequirement, ApprovalVerifier, Confirmation, EnvKey, Provenance, Publisher,
    Reference, Rule, Segment, Stage,
};
use flagkit_core::{Flag, FlagSet, Flags, Reason};

/// A verifier that accepts flags up to a rollout, and records what it verified.
#[derive(Clone, Default)]
struct Limit {
    /// The largest accepted rollout, in percent. `None`: no flag that is on.
    percent: Arc<Mutex<Option<u32>>>,
    verified: Arc<Mutex<Vec<String>>>,
}

impl Limit {
    fn set(&self, percent: u32) {
        *self.percent.lock().expect("no test panics here") = Some(percent);
    }

    /// Returns what was verified since the last call.
    fn verified(&self) -> Vec<String> {
        std::mem::take(&mut *self.verified.lock().expect("no test panics here"))
    }
}

impl ApprovalVerifier for Limit {
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
        let (on, settled) = (flag.flag().is_enabled(), flag.is_settled());
        self.verified.lock().expect("no test panics here").push(format!("{} {on} {settled}", flag.key()));
        let limit = self.percent.lock().expect("no test panics here").map_or("0".to_owned(), |limit| limit.to_string());
        if flag.flag().stage().is_some_and(|stage| stage > Stage::Off) || on && flag.flag().rollout() > percent(&limit)
        {
            return Err(format!("nothing above {limit}%").into());
        }
        Ok(())
    }
}

/// Flags that require approvals, with these layers.
fn guarded<const N: usize>(names: [&str; N]) -> (Flags, Limit, [Publisher; N]) {
    let (flags, limit) = (Flags::new(), Limit::default());
    flags.require_approvals(limit.clone());
    let publishers = names.map(|name| flags.add_layer(Provenance::new(name)));
    (flags, limit, publishers)
}

fn by_variable(flag: Flag) -> FlagSet {
    let mut set = FlagSet::new();
    set.insert_folded(EnvKey::new("A").expect("an environment key"), flag);
    set
}

fn problems(flags: &Flags, layer: usize) -> Vec<String> {
    flags.status().sources[layer].problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_refused_flag_is_dark_and_says_why() {
    let (flags, limit, [file]) = guarded(["file:"]);
    let half = Flag::on().with_rollout(percent("50"));
    file.publish(flag_set([("a", half.clone()), ("b", Flag::off())]));
    assert_eq!(flags.evaluate("a", "u1").reason(), Reason::Unapproved);
    assert_eq!(flags.evaluate("b", "u1").reason(), Reason::Off);
    assert_eq!(flags.explain("a", "u1").refusal(), Some("nothing above 0%"));
    assert!(flags.explain("a", "u1").to_string().contains("\n  not approved: nothing above 0%\n"));
    assert_eq!(flags.explain("b", "u1").refusal(), None);
    let problem = problems(&flags, 0).join("; ");
    assert!(problem.contains("flags.a: got nothing above 0%") && problem.contains("stays dark until"), "{problem}");

    limit.set(50);
    file.publish(flag_set([("a", half), ("b", Flag::off())]));
    assert!(matches!(flags.evaluate("a", "u1").reason(), Reason::Rollout { .. }));
    assert_eq!(problems(&flags, 0), [""; 0]);
    // An edit that widens is dark at once, and not only as wide as before.
    file.publish(flag_set([("a", Flag::on()), ("b", Flag::off())]));
    assert_eq!(flags.evaluate("a", "u1").reason(), Reason::Unapproved);
    file.publish(flag_set([("a", Flag::on().disabled()), ("b", Flag::off())]));
    assert_eq!(flags.evaluate("a", "u1").reason(), Reason::Off);
}

#[test]
fn each_declared_flag_is_verified_after_layering() {
    let (_, limit, [file, prod]) = guarded(["file:", "file:prod"]);
    file.publish(only_a(Flag::off()));
    assert_eq!(limit.verified(), ["a false false"]);
    prod.publish(only_a(Flag::on()));
    assert_eq!(limit.verified(), ["a true true"]);
}

/// A layer that is missing at the start may turn the flag on later. A layer that loads again states what is meant.
#[test]
fn a_flag_is_settled_once_a_layer_loads_again() {
    let (_, limit, [file, optional]) = guarded(["file:", "file:optional"]);
    file.publish(only_a(Flag::off()));
    optional.fail(unavailable());
    assert_eq!(limit.verified(), ["a false false", "a false false"]);
    file.publish(only_a(Flag::on()));
    assert_eq!(limit.verified(), ["a true true"]);
    optional.publish(FlagSet::new());
    assert_eq!(limit.verified(), ["a true true"]);
}

#[test]
fn the_verifier_can_record_what_a_publish_verified() {
    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<&'static str>>>);
    impl ApprovalVerifier for Recorder {
        fn verify(&self, _: &Approvable<'_>) -> Result<(), Box<str>> {
            self.0.lock().expect("no test panics here").push("verified");
            Ok(())
        }

        fn published(&self) {
            self.0.lock().expect("no test panics here").push("published");
        }
    }
    let (flags, recorder) = (Flags::new(), Recorder::default());
    flags.require_approvals(recorder.clone());
    let publisher = flags.add_layer(Provenance::new("file:"));
    // The second load is equal, so that it changes nothing.
    publisher.publish(only_a(Flag::on()));
    publisher.publish(only_a(Flag::on()));
    assert_eq!(*recorder.0.lock().expect("no test panics here"), ["verified", "published", "verified", "published"]);
}

#[test]
fn a_flag_of_no_layer_and_an_invalid_one_are_not_verified() {
    let (flags, limit, [file]) = guarded(["file:"]);
    let mut set = only_a(Flag::on());
    set.insert_invalid(key("b"));
    file.publish(set);
    assert_eq!(limit.verified(), ["a true true"]);
    assert_eq!(flags.evaluate("b", &()).reason(), Reason::Invalid);
    assert_eq!(flags.evaluate("c", &()).reason(), Reason::NotFound);
}

#[test]
fn a_variable_narrows_and_never_widens() {
    let (flags, limit, [file, env]) = guarded(["file:", "env:FLAG_"]);
    limit.set(50);
    let on_at = |text: &str| Flag::on().with_rollout(percent(text));
    file.publish(only_a(on_at("50")));
    let rollout = || flags.snapshot().flag("a").map(|flag| (flag.is_enabled(), flag.rollout().to_string()));
    for (variable, expected) in [
        (Flag::off(), (false, "100%")),
        (on_at("10"), (true, "10%")),
        (on_at("50"), (true, "50%")),
        (on_at("51"), (true, "50%")),
        (Flag::on(), (true, "50%")),
    ] {
        env.publish(by_variable(variable.clone()));
        assert_eq!(rollout(), Some((expected.0, expected.1.to_owned())), "{variable:?}");
        let is_ignored = expected.1 == "50%" && variable != on_at("50");
        assert_eq!(problems(&flags, 1).len(), usize::from(is_ignored), "{variable:?}");
    }
    assert!(problems(&flags, 1)[0].contains("an environment variable can only narrow"));
    // A rule could exclude subjects that a plain percentage includes.
    file.publish(only_a(on_at("50").with_rules([Rule::new().with_subjects(["u1"]).with_rollout(percent("0"))])));
    env.publish(by_variable(on_at("10")));
    assert!(!flags.is_on("a", "u1"));
    assert_eq!(rollout(), Some((true, "50%".to_owned())));
}

#[test]
fn a_variable_turns_on_neither_a_dark_flag_nor_an_undeclared_one() {
    let (flags, limit, [file, env]) = guarded(["file:", "env:FLAG_"]);
    limit.set(100);
    let mut set = FlagSet::new();
    set.insert_invalid(key("a"));
    file.publish(set);
    env.publish(by_variable(Flag::on()));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Invalid);
    file.publish(FlagSet::new());
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Unapproved);
    assert!(problems(&flags, 1)[0].contains("could include more subjects"));
    env.publish(by_variable(Flag::off()));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Off);
}

/// A variable may be a test of one process, so the verifier gets the flag of the documents.
#[test]
fn a_variable_hides_nothing_from_the_verifier() {
    let (flags, limit, [file, env]) = guarded(["file:", "env:FLAG_"]);
    limit.set(100);
    file.publish(only_a(Flag::on()));
    env.publish(by_variable(Flag::off()));
    assert_eq!(limit.verified().last().map(String::as_str), Some("a true true"));
    assert!(!flags.is_on("a", &()));
    // It is off by the variable, so a refusal changes nothing.
    limit.set(0);
    file.publish(flag_set([("a", Flag::on()), ("b", Flag::off())]));
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Off);
    env.publish(FlagSet::new());
    assert_eq!(flags.evaluate("a", &()).reason(), Reason::Unapproved);
}

#[test]
fn a_migration_without_approval_keeps_its_stage() {
    let (flags, _, [file]) = guarded(["file:"]);
    let stage = || flags.snapshot().stage("a", &());
    file.publish(only_a(Flag::migration().at_stage(Stage::DualWrite)));
    assert_eq!(stage(), None, "there is no stage to keep at a start");
    file.publish(only_a(Flag::migration().at_stage(Stage::Off)));
    assert_eq!(stage(), Some(Stage::Off));
    file.publish(only_a(Flag::migration().at_stage(Stage::DualWrite)));
    assert_eq!(stage(), Some(Stage::Off));
    assert!(problems(&flags, 0)[0].contains("nothing above 0%"));
}

#[test]
fn a_variable_takes_a_migration_to_off_whatever_its_document_says() {
    let (flags, _, [file, env]) = guarded(["file:", "env:FLAG_"]);
    env.publish(by_variable(Flag::off()));
    file.publish(only_a(Flag::migration().at_stage(Stage::DualWrite)));
    assert_eq!(flags.snapshot().stage("a", &()), Some(Stage::Off));
}

#[test]
fn approvals_and_digests_pass_through_the_layers() {
    let approval = |by: &str| Approval {
        by: by.into(),
        at: "2026-11-29T10:00:00Z".into(),
        to: "on".into(),
        serial: 1,
        before: "sha256:00".into(),
        release: None,
        checks: None,
        gate: "sha256:00".into(),
        requirement: ApprovalRequirement::default(),
        signature: "a signature".into(),
    };
    let require = |confirmation, humans| ApprovalRequirement { confirmation, humans };
    let (flags, [file, prod, top]) = layers(["file:", "file:prod", "file:top"]);
    let declared = Flag::off()
        .with_digest([1; 32])
        .with_approvals([approval("ann")])
        .with_approval_requirement(require(Confirmation::Signed, 2));
    file.publish(only_a(declared));
    let merged = || flags.snapshot().flag("a").cloned().expect("it is declared");
    assert_eq!((merged().digests(), merged().approvals().len()), (&[[1; 32]][..], 1));
    prod.publish(only_a(
        Flag::on()
            .with_digest([2; 32])
            .with_approvals([approval("bob")])
            .with_approval_requirement(require(Confirmation::Touch, 1)),
    ));
    top.publish(only_a(Flag::inherit().enabled()));
    assert_eq!(merged().digests(), [[1; 32], [2; 32]]);
    // A state without rules is another definition than the same state beside the rules below.
    top.publish(only_a(Flag::on()));
    assert_eq!(merged().digests(), [[1; 32], [2; 32], [0; 32]]);
    assert_eq!(merged().approvals(), [approval("bob")]);
    assert_eq!(merged().approval_requirement(), Some(require(Confirmation::Touch, 2)), "the strictest of both");
}

#[test]
fn the_verifier_gets_the_digests_of_segments() {
    #[derive(Clone, Default)]
    struct Segments(Arc<Mutex<Vec<String>>>);
    impl ApprovalVerifier for Segments {
        fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
            let seen = ["staff", "other"].map(|name| flag.segment(name).map(|digest| digest[0]));
            self.0.lock().expect("no test panics here").push(format!("{seen:?}"));
            Ok(())
        }
    }
    let (flags, seen) = (Flags::new(), Segments::default());
    flags.require_approvals(seen.clone());
    let rule = Rule::new().with_segments([Reference::new("staff")]);
    let mut set = only_a(Flag::on().with_rules([rule]));
    set.insert_segment("staff", Segment::new().with_included(["u1"]).with_digest([7; 32]));
    flags.add_layer(Provenance::new("file:")).publish(set);
    assert_eq!(*seen.0.lock().expect("no test panics here"), ["[Some(7), None]"]);
    assert!(flags.is_on("a", "u1"));
}
