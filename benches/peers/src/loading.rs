//! W6: from a document of booleans in memory to an engine that is ready.

use std::time::Instant;

use allocation_counter::measure;
use benches::rounds::quantile;
use benches::table::Table;

use crate::ours;
use crate::peer::{Entry, Load, Skill};

struct Loading {
    name: &'static str,
    document: String,
    load: Load,
    millis: Vec<f64>,
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
pub(crate) fn table(peers: &[Entry], flags: usize, rounds: usize) -> Table {
    let title = format!("W6, loading {flags} booleans");
    let columns = ["", "kB", "ms", "ratio", "allocations", "bytes per flag", "MB, peak"];
    let mut table = Table::new("peers-load", &title, &columns);
    let ours = ours::documents(flags).map(|(name, document, load)| Loading { name, document, load, millis: vec![] });
    let engines = peers.iter().filter(|peer| peer.skill == Skill::Rules);
    let theirs = engines.map(|peer| Loading {
        name: peer.name,
        document: (peer.document)(flags),
        load: peer.load,
        millis: Vec::new(),
    });
    let mut all: Vec<Loading> = ours.into_iter().chain(theirs).collect();
    for _ in 0..rounds {
        for Loading { document, load, millis, .. } in &mut all {
            let begin = Instant::now();
            let loaded = load(document);
            millis.push(begin.elapsed().as_secs_f64() * 1e3);
            drop(loaded);
        }
    }
    let first = all[0].millis.clone();
    for Loading { name, document, load, millis } in all {
        let mut loaded = None;
        let cost = measure(|| loaded = Some(load(&document)));
        let ratio = quantile(millis.iter().zip(&first).map(|(millis, first)| millis / first).collect(), 0.5);
        table.push([
            name.into(),
            (document.len() as f64 / 1e3).into(),
            quantile(millis, 0.5).into(),
            format!("{ratio:.1}").into(),
            (cost.count_total as f64).into(),
            (cost.bytes_current as f64 / flags as f64).into(),
            (cost.bytes_max as f64 / 1e6).into(),
        ]);
    }
    table
}
