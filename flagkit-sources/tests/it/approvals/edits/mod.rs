//! An edit that could include another subject voids an approval. An edit of metadata, of the layout or of another flag
//! does not, and neither does a narrower state.
//!
//! Definitions of two layers are generated, approved by a real key, and then edited at random. Every subject of a small
//! world is evaluated before and after.

mod changes;
mod documents;
mod signer;

use std::sync::{Arc, Mutex};

use flagkit_core::source::{Approvable, ApprovalVerifier, Provenance};
use flagkit_core::tooling::Effect;
use flagkit_core::{Context, Flags, Reason, Snapshot, Variant};
use flagkit_sources::approvals::{Approvers, Verifier, definition_digest};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use self::changes::{Change, change};
use self::documents::{Documents, Text, documents};
use self::signer::{approval, approvers};

const ENVIRONMENT: &str = "prod";
/// The flag that is edited, and the flag that it may require.
const KEYS: [&str; 2] = ["x", "y"];

/// Every subject of the world: ids, plans and seats, of which the last two may be missing.
fn world() -> Vec<Context> {
    let mut subjects = Vec::new();
    for id in ["u1", "u2", "u3", "u4", "u5", "u6"] {
        for plan in [None, Some("free"), Some("paid")] {
            for seats in [None, Some(1_i64), Some(9)] {
                let mut subject = Context::new(id);
                subject = plan.map_or(subject.clone(), |plan| subject.with("plan", plan));
                subjects.push(seats.map_or(subject.clone(), |seats| subject.with("seats", seats)));
            }
        }
    }
    subjects
}

/// Loads the documents into a new handle, as a process that starts.
fn start(texts: impl Iterator<Item = Text>, verifier: Option<impl ApprovalVerifier>) -> Flags {
    let flags = Flags::new();
    if let Some(verifier) = verifier {
        flags.require_approvals(verifier);
    }
    let layers: Vec<_> = texts.map(|text| (flags.add_layer(Provenance::new("test:")), text)).collect();
    for (layer, text) in layers {
        layer.publish(text.load());
    }
    flags
}

const NO_VERIFIER: Option<Verifier> = None;

/// A verifier that computes the digest of each flag with its own state.
struct Digester(Arc<Mutex<Vec<(String, String)>>>);

impl ApprovalVerifier for Digester {
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
        let (key, state) = (flag.key().as_str(), flagkit_sources::approvals::state_of(flag.flag()));
        let digest = definition_digest(key, flag.flag(), |name| flag.segment(name), &state);
        let mut found = self.0.lock().expect("not poisoned");
        found.retain(|(known, _)| known != key);
        found.extend(digest.map(|digest| (key.to_owned(), digest)));
        Ok(())
    }
}

/// Returns the documents with an approval of each of the two flags, in its own state.
fn approve(documents: &Documents) -> Documents {
    let digests = Arc::default();
    start(documents.texts(), Some(Digester(Arc::clone(&digests))));
    let mut approved = documents.clone();
    for (key, digest) in &*digests.lock().expect("not poisoned") {
        if KEYS.contains(&key.as_str()) {
            let to = documents.state(key);
            approved.set_approval(key, &approval(ENVIRONMENT, key, digest, &to));
        }
    }
    approved
}

fn verifier() -> Verifier {
    Verifier::new(Approvers::parse(approvers()).expect("a list"), ENVIRONMENT).expect("a verifier")
}

/// Which subjects of the world the flag is on for, each with its variant.
fn audience(flags: &Snapshot) -> Vec<(usize, Option<Variant>)> {
    let world = world().into_iter().enumerate();
    let included = world.filter(|(_, subject)| flags.is_on("x", subject));
    included.map(|(index, subject)| (index, flags.variant("x", &subject))).collect()
}

fn is_refused(flags: &Flags) -> bool {
    let explanation = flags.explain("x", &Context::new("u1"));
    let is_unapproved = explanation.evaluation().reason() == Reason::Unapproved;
    assert_eq!(explanation.refusal().is_some(), is_unapproved);
    is_unapproved
}

/// Checks one sequence of edits after an approval.
fn check(approved: &Documents, changes: &[Change]) -> Result<(), TestCaseError> {
    let mut edited = approved.clone();
    for change in changes {
        change.apply(&mut edited);
    }
    let shown = || format!("{approved}\n--- edited by {changes:?} ---\n{edited}");
    let [base, head] = [approved, &edited].map(|documents| start(documents.in_one_layout(), NO_VERIFIER).snapshot());
    let running = start(edited.texts(), Some(verifier()));
    let audience_before = audience(&base);
    let audience_after = audience(&running.snapshot());

    // No edit without a signature includes another subject, or gives one another variant.
    for member in &audience_after {
        prop_assert!(audience_before.contains(member), "{member:?}\n{}", shown());
    }
    // An edit that could include another subject voids the approval, unless it is one of the prerequisite.
    let effects = base.effects(&head);
    if effects.get("x") == Some(&Effect::Widens) && !effects.contains_key("y") {
        // An edit can also make the flag invalid.
        let is_invalid = running.evaluate("x", "u1").reason() == Reason::Invalid;
        prop_assert!(is_refused(&running) || is_invalid, "{}", shown());
        prop_assert!(audience_after.is_empty(), "{}", shown());
    }
    // An edit that cannot include another subject has its effect.
    if changes.iter().all(Change::is_harmless) {
        prop_assert!(!is_refused(&running), "{:?}\n{}", running.explain("x", &()).refusal(), shown());
        prop_assert_eq!(audience_after, audience(&head), "{}", shown());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_an_edit_that_includes_no_other_subject_keeps_an_approval(
        documents in documents(),
        edits in proptest::collection::vec(proptest::collection::vec(change(), 1..4), 12),
    ) {
        let approved = approve(&documents);
        let running = start(approved.texts(), Some(verifier()));
        let unverified = start(approved.texts(), NO_VERIFIER);
        prop_assert!(!is_refused(&running), "{:?}\n{approved}", running.explain("x", &()).refusal());
        prop_assert_eq!(audience(&running.snapshot()), audience(&unverified.snapshot()), "{}", approved);
        for changes in &edits {
            check(&approved, changes)?;
        }
    }
}

/// The laws above hold for a flag that is never on, too. So the generated flags must often include subjects, and the edits
/// must often widen.
#[test]
fn the_generated_edits_are_of_all_kinds() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut audiences, mut widening, mut harmless) = (0, 0, 0);
    for _ in 0..200 {
        let documents = documents().new_tree(&mut runner).expect("documents").current();
        let change = change().new_tree(&mut runner).expect("a change").current();
        let mut edited = documents.clone();
        change.apply(&mut edited);
        let [base, head] = [&documents, &edited].map(|all| start(all.in_one_layout(), NO_VERIFIER).snapshot());
        audiences += usize::from(!audience(&base).is_empty());
        widening += usize::from(base.effects(&head).get("x") == Some(&Effect::Widens));
        harmless += usize::from(change.is_harmless());
    }
    assert!(audiences > 100 && widening > 20 && harmless > 20, "{audiences}, {widening}, {harmless} of 200");
}
