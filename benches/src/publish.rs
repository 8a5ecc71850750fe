//! The cost of publishing, by the number of registered call sites.

use std::time::{Duration, Instant};

use flagkit_core::__private::CallSite;
use flagkit_core::source::{EnvKey, Provenance, Publisher};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags};

use crate::rounds::quantile;
use crate::table::Table;

const FLAGS: usize = 100;

/// Returns the flags, with the first one or all of them on.
fn set(on: bool, flips: Flips) -> FlagSet {
    let is_on = |index: usize| on && (index == 0 || flips == Flips::All);
    let flag = |index| if is_on(index) { Flag::on() } else { Flag::off() };
    (0..FLAGS).map(|index| (FlagKey::new(format!("feature-{index}")).expect("a key"), flag(index))).collect()
}

/// The extent of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flips {
    /// One flag of a hundred.
    One,
    /// All hundred.
    All,
}

/// Installed flags and registered call sites.
#[derive(Debug)]
pub struct Publishing {
    publisher: Publisher,
    sites: usize,
    swaps: usize,
}

impl Publishing {
    /// Installs flags for the process. Call it once.
    pub fn install() -> Self {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("bench:"));
        flagkit_core::install(flags).expect("no other installation");
        Self { publisher, sites: 0, swaps: 0 }
    }

    /// Registers more call sites, up to this number.
    pub fn reach(&mut self, sites: usize) {
        while self.sites < sites {
            let key = Box::leak(format!("feature-{}", self.sites % FLAGS).into_boxed_str());
            let site: &'static CallSite = Box::leak(Box::new(CallSite::new(key)));
            // No other thread holds the lock of the registry, so the first hit registers the site.
            site.is_on();
            self.sites += 1;
        }
    }

    /// Publishes a change and returns the duration.
    pub fn swap(&mut self, flips: Flips) -> Duration {
        self.swaps += 1;
        let set = set(self.swaps % 2 == 0, flips);
        let begin = Instant::now();
        self.publisher.publish(set);
        begin.elapsed()
    }
}

/// Measures flips of flags of a hundred, with an increasing number of call sites.
pub fn table(rounds: usize) -> Table {
    let title = "Publishing in microseconds: flags of a hundred flip, by the number of registered call sites";
    let columns = ["call sites", "one flips, median", "99 %", "all flip, median", "99 %"];
    let mut table = Table::new("publish", title, &columns);
    let mut publishing = Publishing::install();
    for sites in [0_u32, 100, 10_000] {
        publishing.reach(sites as usize);
        let mut micros = |flips| -> Vec<f64> {
            // The first publish indexes the new sites.
            publishing.swap(flips);
            (0..rounds).map(|_| publishing.swap(flips).as_secs_f64() * 1e6).collect()
        };
        let (one, all) = (micros(Flips::One), micros(Flips::All));
        table.push([
            f64::from(sites).into(),
            quantile(one.clone(), 0.5).into(),
            quantile(one, 0.99).into(),
            quantile(all.clone(), 0.5).into(),
            quantile(all, 0.99).into(),
        ]);
    }
    table
}

/// Measures a change of one flag of a file under a layer of environment variables, half of which override a flag.
pub fn overrides(rounds: usize, sizes: &[(usize, usize)]) -> Table {
    let title = "Publishing in microseconds: one flag of a file changes, by the number of variables above it";
    let mut table = Table::new("overrides", title, &["flags", "variables", "median", "99 %"]);
    for (flags, variables) in sizes {
        let layered = Flags::new();
        let file = layered.add_layer(Provenance::new("bench:"));
        let env = layered.add_layer(Provenance::new("env:"));
        let mut overriding = FlagSet::new();
        for index in 0..*variables {
            let name = if index % 2 == 0 { format!("FEATURE_{}", index + 1) } else { format!("OTHER_{index}") };
            overriding.insert_folded(EnvKey::new(name).expect("a key"), Flag::off());
        }
        env.publish(overriding);
        let flip = |on| -> FlagSet {
            let flag = |index| if on && index == 0 { Flag::on() } else { Flag::off() };
            (0..*flags).map(|index| (FlagKey::new(format!("feature-{index}")).expect("a key"), flag(index))).collect()
        };
        file.publish(flip(false));
        let micros: Vec<f64> = (0..rounds)
            .map(|round| {
                let set = flip(round % 2 == 0);
                let begin = Instant::now();
                file.publish(set);
                begin.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        let number = |number: usize| f64::from(u32::try_from(number).expect("small"));
        table.push([
            number(*flags).into(),
            number(*variables).into(),
            quantile(micros.clone(), 0.5).into(),
            quantile(micros, 0.99).into(),
        ]);
    }
    table
}
