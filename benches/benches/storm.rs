//! Criterion benchmarks of reads while snapshots are swapped.
//!
//! `report` also measures more threads and the slowest reads.

use std::time::Instant;

use benches::storm::{Pace, Storm};
use criterion::{Criterion, criterion_group, criterion_main};

fn storm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("storm: swaps per second");
    for pace in Pace::ALL {
        let storm = Storm::begin(pace);
        group.bench_function(pace.name(), |bencher| {
            bencher.iter_custom(|times| {
                let begin = Instant::now();
                storm.read(times);
                begin.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, storm);
criterion_main!(benches);
