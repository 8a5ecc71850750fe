//! A model of a fleet that migrates: random interleavings of writers, readers, backfills and changes of the stage.
//!
//! Instances learn of a stage at different times. Units of work keep their plan while others run. Writes fail, and
//! futures are dropped. After each read, the model checks that no acknowledged write was lost and that no read was
//! stale. The plans are real; the database is a few rows in memory, and each access to a row is atomic.
//!
//! The rules that the model follows are those of docs/migrations.md. Without any one of them, it finds a violation, and
//! a test shows so. 10,000 interleavings run by default; `FLAGKIT_INTERLEAVINGS` sets another number.
//!
//! - `rules`: what the application and its operator do. `world`: the fleet, and the scheduler of one interleaving.
//! - `work`: a write, a read and a backfill. `rows`: the database. `history`: the check of each read.

mod history;
mod rows;
mod rules;
mod work;
mod world;

use flagkit_core::migrate::{Full, Migration};
use flagkit_core::migration;

use self::rules::{Backfill, Rules, Steps, Writes};
use self::world::World;

migration! { static FAILS: "split", range = Full, second_write = Fail }
migration! { static REPORTS: "split", range = Full, second_write = Report }

/// Runs interleavings until one violates an invariant, and returns the number of its seed with the reason.
fn find_violation(migration: &'static Migration<Full>, rules: Rules, interleavings: u64) -> Option<(u64, String)> {
    (0..interleavings).find_map(|seed| World::new(migration, rules, seed).run().err().map(|reason| (seed, reason)))
}

fn assert_safe(rules: Rules) {
    let count = std::env::var("FLAGKIT_INTERLEAVINGS").ok();
    let count = count.map_or(10_000, |count| count.parse().expect("a number of interleavings"));
    assert_eq!(find_violation(&FAILS, rules, count), None);
}

fn assert_violated(rules: Rules) {
    let found = find_violation(&FAILS, rules, 10_000);
    let (seed, reason) = found.unwrap_or_else(|| panic!("no violation: {rules:?}"));
    println!("interleaving {seed}: {reason}");
}

#[test]
fn one_statement_for_both_sides_loses_no_write() {
    assert_safe(Rules::SAFE);
}

#[test]
fn two_writes_with_versions_lose_no_write() {
    assert_safe(Rules { writes: Writes::Versioned, ..Rules::SAFE });
}

#[test]
fn two_writes_under_a_lock_lose_no_write() {
    assert_safe(Rules { writes: Writes::Locked, ..Rules::SAFE });
}

#[test]
fn without_an_order_concurrent_writes_leave_the_sides_different() {
    assert_violated(Rules { writes: Writes::Unordered, ..Rules::SAFE });
}

#[test]
fn a_stage_that_is_skipped_by_hand_is_found() {
    for writes in Writes::ALL {
        assert_violated(Rules { steps: Steps::Skip, writes, ..Rules::SAFE });
    }
}

#[test]
fn two_steps_while_an_instance_lags_are_found() {
    for writes in Writes::ALL {
        assert_violated(Rules { steps: Steps::DoNotWait, writes, ..Rules::SAFE });
    }
}

#[test]
fn a_step_while_a_request_of_the_previous_stage_runs_is_found() {
    for writes in Writes::ALL {
        assert_violated(Rules { steps: Steps::DoNotDrain, writes, ..Rules::SAFE });
    }
}

#[test]
fn a_return_to_off_while_an_instance_reads_the_new_side_is_found() {
    for writes in Writes::ALL {
        assert_violated(Rules { steps: Steps::ReturnAtOnce, writes, ..Rules::SAFE });
    }
}

#[test]
fn a_backfill_before_both_sides_are_written_is_found() {
    for writes in Writes::ALL {
        assert_violated(Rules { backfill: Backfill::BeforeDualWrite, writes, ..Rules::SAFE });
    }
}

#[test]
fn a_backfill_that_overwrites_newer_rows_is_found() {
    for writes in Writes::ALL {
        assert_violated(Rules { backfill: Backfill::Overwrite, writes, ..Rules::SAFE });
    }
}

#[test]
fn a_backfill_of_missing_rows_only_is_found() {
    for writes in Writes::ALL {
        assert_violated(Rules { backfill: Backfill::OnlyMissing, writes, ..Rules::SAFE });
    }
}

#[test]
fn a_lost_second_write_that_is_only_reported_makes_reads_stale() {
    for writes in [Writes::Versioned, Writes::Locked] {
        let found = find_violation(&REPORTS, Rules { writes, ..Rules::SAFE }, 10_000);
        println!("{:?}", found.expect("a violation"));
    }
}
