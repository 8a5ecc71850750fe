//! Criterion benchmarks of loading. `report` measures the same, and memory.

use benches::load::{Each, documents};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flagkit_core::Flags;
use flagkit_core::source::{Load, Provenance, Publisher};

fn load(criterion: &mut Criterion) {
    for each in Each::ALL {
        let mut group = criterion.benchmark_group(format!("load: {}", each.name()));
        group.sample_size(10);
        for flags in [100, 10_000, 100_000] {
            for (format, text) in documents(flags, each) {
                let read = || format.read(text.as_bytes()).expect("a good document");
                let name = |what: &str| BenchmarkId::new(format!("{what} {}", format.extension()), flags);
                group.throughput(Throughput::Elements(flags as u64));
                group.bench_function(name("read"), |bencher| bencher.iter(read));
                group.bench_function(name("publish"), |bencher| {
                    let begin = || (Flags::new().add_layer(Provenance::new("bench:")), read());
                    // Return the load, so that its drop is not measured.
                    let publish = |(publisher, load): (Publisher, Load)| {
                        publisher.publish(load);
                        publisher
                    };
                    bencher.iter_batched(begin, publish, BatchSize::PerIteration);
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, load);
criterion_main!(benches);
