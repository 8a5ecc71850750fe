//! A migration without an approval keeps its stage. A step back stays covered.

use flagkit_core::source::Stage;
use flagkit_sources::Guard;
use flagkit_sources::approvals::Statement;

use crate::support::approvals::{KEY, Person, Signed, document, follow, list, refusal, statement};
use crate::support::{TestDir, wait_until};

const ALICE: &str = "alice";

fn at(stage: &str) -> String {
    format!("kind = \"migration\"\nstage = \"{stage}\"\n")
}

fn approved(stage: &str, to: &str, serial: u64) -> String {
    let statement = Statement { serial, ..statement(&at(stage), to) };
    document(&at(stage), &[Signed::new(&statement, &Person::new(ALICE, 1))])
}

fn start(dir: &TestDir, document: &str) -> Guard {
    dir.write(document);
    follow(&dir.flags(), &list(&[&Person::new(ALICE, 1)]), None)
}

fn stage(guard: &Guard) -> Option<Stage> {
    guard.flags().snapshot().stage(KEY, "user-1")
}

/// Waits until the status has this number of problems.
fn wait_for_problems(guard: &Guard, count: usize) {
    wait_until("the document is read", || guard.flags().status().sources[0].problems.len() == count);
}

#[test]
fn an_approved_stage_takes_effect_and_the_next_one_needs_its_own_approval() {
    let dir = TestDir::new();
    let guard = start(&dir, &approved("dual-write", "dual-write", 1));
    assert_eq!((stage(&guard), refusal(&guard)), (Some(Stage::DualWrite), None));
    dir.replace(document(
        &at("shadow"),
        &[Signed::new(&statement(&at("dual-write"), "dual-write"), &Person::new(ALICE, 1))],
    ));
    wait_for_problems(&guard, 1);
    assert_eq!(stage(&guard), Some(Stage::DualWrite), "it keeps its stage");
    let status = guard.flags().status();
    let got = status.sources[0].problems[0].got().to_owned();
    assert_eq!(got, "an approval of \"dual-write\", which does not cover \"shadow\"");
    dir.replace(approved("shadow", "shadow", 2));
    wait_until("the next stage", || stage(&guard) == Some(Stage::Shadow));
    assert_eq!(guard.flags().status().sources[0].problems.len(), 0);
}

#[test]
fn a_step_back_stays_covered_but_the_step_forth_does_not() {
    let dir = TestDir::new();
    let guard = start(&dir, &approved("live", "live", 1));
    assert_eq!(stage(&guard), Some(Stage::Live));
    dir.replace(approved("shadow", "live", 1));
    wait_until("the step back", || stage(&guard) == Some(Stage::Shadow));
    assert_eq!(guard.flags().status().sources[0].problems.len(), 0);
    dir.replace(approved("live", "live", 1));
    wait_for_problems(&guard, 1);
    assert_eq!(stage(&guard), Some(Stage::Shadow));
    let status = guard.flags().status();
    let got = status.sources[0].problems[0].got().to_owned();
    assert_eq!(got, "an approval of a state that was reverted since: at most \"shadow\" remains approved");
}

#[test]
fn a_share_of_the_partitions_is_a_state() {
    let partitioned = |share: &str| format!("{}partition = \"shop\"\nrollout = \"{share}\"\n", at("live"));
    let alice = Person::new(ALICE, 1);
    let approval = Signed::new(&statement(&partitioned("25%"), "live@25%"), &alice);
    for (share, problems) in [("25%", 0), ("10%", 0), ("26%", 1), ("100%", 1)] {
        let dir = TestDir::new();
        let guard = start(&dir, &document(&partitioned(share), std::slice::from_ref(&approval)));
        assert_eq!(guard.flags().status().sources[0].problems.len(), problems, "{share}");
    }
}
