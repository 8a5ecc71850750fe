//! What it costs to put a change in force, by how many call sites follow it.

use std::time::Instant;

use flagkit_core::__private::CallSite;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Provenance};

use crate::rounds::quantile;
use crate::table::Table;

const FLAGS: usize = 100;

fn set(on: bool) -> FlagSet {
    let flag = |index: usize| if on == (index == 0) { Flag::on() } else { Flag::off() };
    (0..FLAGS).map(|index| (FlagKey::new(format!("feature-{index}")).expect("a key"), flag(index))).collect()
}

/// Flips a flag among a hundred, with more and more call sites. Installs flags for the process, so it is called once.
pub fn table(rounds: usize) -> Table {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("bench:"));
    flagkit_core::install(flags).expect("nobody else installs");
    let title = "Publishing: one flag of a hundred flips, by the number of call sites that have been reached";
    let mut table = Table::new("publish", title, &["call sites", "µs, median", "µs, 99 %"]);
    let mut reached = 0;
    for sites in [0_u32, 100, 10_000] {
        while reached < sites {
            let key = Box::leak(format!("feature-{}", reached as usize % FLAGS).into_boxed_str());
            let site: &'static CallSite = Box::leak(Box::new(CallSite::new(key)));
            // Nobody else is at the list, so the first hit joins it.
            site.is_on();
            reached += 1;
        }
        let micros = |round: usize| {
            let set = set(round % 2 == 0);
            let begin = Instant::now();
            publisher.publish(set);
            begin.elapsed().as_secs_f64() * 1e6
        };
        let micros: Vec<f64> = (0..rounds).map(micros).collect();
        table.push([f64::from(sites).into(), quantile(micros.clone(), 0.5).into(), quantile(micros, 0.99).into()]);
    }
    table
}
