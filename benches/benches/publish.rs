//! Criterion benchmarks of publishing. `report` measures the same.

use std::time::Duration;

use benches::publish::{Flips, Publishing};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn publish(criterion: &mut Criterion) {
    let mut publishing = Publishing::install();
    let mut group = criterion.benchmark_group("publish");
    for sites in [0, 100, 10_000] {
        publishing.reach(sites);
        for (name, flips) in [("one of a hundred flips", Flips::One), ("all hundred flip", Flips::All)] {
            group.bench_function(BenchmarkId::new(name, format!("{sites} call sites")), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| publishing.swap(flips)).sum::<Duration>());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, publish);
criterion_main!(benches);
