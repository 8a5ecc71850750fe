//! What a read costs, beside the floor it stands on: one relaxed load, one hash of the id.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, flag};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

fn read(criterion: &mut Criterion) {
    let half = Percent::new(50).expect("a percentage");
    let flags = [("boolean", Flag::on()), ("percentage", Flag::on().with_rollout(half))];
    let flags: FlagSet = flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a legal key"), flag)).collect();
    flagkit_core::install(Flags::fixed(flags)).expect("installed once");
    let flags = flagkit_core::installed().expect("installed above");
    let snapshot = flags.snapshot();

    let mut group = criterion.benchmark_group("boolean");
    let floor = AtomicBool::new(true);
    group.bench_function("floor: relaxed AtomicBool", |b| b.iter(|| black_box(&floor).load(Ordering::Relaxed)));
    group.bench_function("call site", |b| b.iter(|| flag!("boolean")));
    group.bench_function("snapshot", |b| b.iter(|| snapshot.is_on(black_box("boolean"), &())));
    group.bench_function("handle", |b| b.iter(|| flags.is_on(black_box("boolean"), &())));
    group.finish();

    let mut group = criterion.benchmark_group("percentage of a UUID");
    group.bench_function("floor: XXH3 of the UUID", |b| b.iter(|| xxh3_64_with_seed(black_box(UUID).as_bytes(), 7)));
    group.bench_function("call site", |b| b.iter(|| flag!("percentage", black_box(UUID))));
    group.bench_function("snapshot", |b| b.iter(|| snapshot.is_on(black_box("percentage"), black_box(UUID))));
    group.bench_function("handle", |b| b.iter(|| flags.is_on(black_box("percentage"), black_box(UUID))));
    group.finish();

    let mut group = criterion.benchmark_group("percentage of an integer");
    group.bench_function("call site", |b| b.iter(|| flag!("percentage", black_box(1_234_567_u64))));
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
