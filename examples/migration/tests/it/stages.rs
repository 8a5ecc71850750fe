//! The migration runs through all stages under load, each forward, back and forward again.

use flagkit_core::source::Stage;

use crate::database::{self, Database};
use crate::load::Load;
use crate::service::{Service, apply_schema};

/// The requests of each worker at each stage, and between two instances.
const REQUESTS: u64 = 20;

#[test]
fn on_sqlite_no_write_is_lost_and_no_read_is_stale() {
    migrate(&database::sqlite());
}

#[cfg(unix)]
#[test]
fn on_postgresql_no_write_is_lost_and_no_read_is_stale() {
    if let Some(database) = database::postgresql() {
        migrate(&database);
    }
}

#[test]
fn a_stage_that_is_skipped_by_hand_loses_writes() {
    let database = database::sqlite();
    let fleet = Fleet::start(&database.address);
    fleet.load.run(REQUESTS);
    // From `off` to `live` in one file: the other instance still writes the old column only.
    fleet.services[0].set_stage(Stage::Live);
    fleet.load.run(REQUESTS);
    let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fleet.load.finish()));
    let message = check.expect_err("the check fails");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.contains("is stale"), "{message}");
}

#[test]
fn a_backfill_runs_only_while_both_sides_are_written_and_the_old_one_is_read() {
    let database = database::sqlite();
    apply_schema(&database.address, "migrations");
    let service = Service::start("migration", &database.address, Stage::Off);
    for stage in &Stage::ALL[..6] {
        service.set_stage(*stage);
        let (succeeded, text) = service.backfill(&database.address);
        let expected = matches!(stage, Stage::DualWrite | Stage::Shadow);
        assert_eq!(succeeded, expected, "{stage}: {text}");
        assert!(succeeded || text.contains(&format!("got stage {stage}, expected dual-write or shadow")), "{text}");
    }
}

/// Two instances that reach each stage one after the other, under load.
struct Fleet {
    database: String,
    services: [Service; 2],
    load: Load,
}

impl Fleet {
    /// Starts two instances at `off`, and the workers.
    fn start(database: &str) -> Self {
        apply_schema(database, "migrations");
        let services = [(), ()].map(|()| Service::start("migration", database, Stage::Off));
        let load = Load::start(services.each_ref().map(|service| service.address.clone()).into());
        Self { database: database.to_owned(), services, load }
    }

    /// Moves one instance after the other, and waits until no request at the previous stage is left.
    fn move_to(&self, stage: Stage) {
        for service in &self.services {
            service.set_stage(stage);
            self.load.run(REQUESTS);
        }
    }

    fn backfill(&self) {
        let (succeeded, text) = self.services[0].backfill(&self.database);
        assert!(succeeded && text.contains(" 0 mismatches"), "{text}");
    }

    /// Asserts that the comparisons so far found no difference.
    fn assert_same(&self) {
        for service in &self.services {
            let counters = &service.migration()["counters"];
            assert_eq!((&counters["mismatched"], &counters["second_writes_failed"]), (&0.into(), &0.into()));
            assert!(counters["compared"].as_u64() > Some(0), "{counters}");
        }
    }
}

fn migrate(database: &Database) {
    let fleet = Fleet::start(&database.address);
    fleet.load.run(REQUESTS);

    for pair in Stage::ALL[..5].windows(2) {
        let [previous, stage] = [pair[0], pair[1]];
        for stage in [stage, previous, stage] {
            fleet.move_to(stage);
            // Each backfill is void after a return to `off`, so there is one after each arrival.
            if (previous, stage) == (Stage::Off, Stage::DualWrite) {
                fleet.backfill();
            }
        }
        if stage >= Stage::Shadow {
            fleet.assert_same();
        }
    }
    fleet.move_to(Stage::Complete);
    contract(fleet);
}

/// Replaces all instances by those of the later release, and drops the old column.
fn contract(fleet: Fleet) {
    let Fleet { database, services, load } = fleet;
    let later = [(), ()].map(|()| Service::start("migration-contracted", &database, Stage::Complete));
    let all = services.iter().chain(&later).map(|service| service.address.clone());
    load.redirect(all.collect());
    load.run(REQUESTS);
    load.redirect(later.each_ref().map(|service| service.address.clone()).into());
    drop(services);
    for service in &later {
        service.set_stage(Stage::Contracted);
    }
    apply_schema(&database, "later");
    load.run(REQUESTS);
    let (writes, reads) = load.finish();
    println!("{writes} writes and {reads} reads: none lost, none stale");
}
