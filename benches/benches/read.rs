//! Criterion benchmarks of reads and of their lower bounds. `report` measures the same, in rounds.

use std::time::Instant;

use benches::works;
use criterion::{Criterion, criterion_group, criterion_main};

fn read(criterion: &mut Criterion) {
    for mut work in works::all() {
        let mut group = criterion.benchmark_group(work.title);
        for case in &mut work.cases {
            let name = case.name().to_owned();
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|times| {
                    let begin = Instant::now();
                    case.run(times);
                    begin.elapsed()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, read);
criterion_main!(benches);
