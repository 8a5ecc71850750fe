//! What loading costs: reading a document, publishing it, holding it.
//!
//! Prints a table, one line a document: medians of nine rounds, and bytes as the allocator was asked for them (what
//! the process takes from the system depends on the allocator and is more).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use flagkit_core::{Flags, Load, Provenance};
use flagkit_sources::document::Format;

const FLAGS: usize = 100_000;
const ROUNDS: usize = 9;

fn main() {
    // `cargo test --benches` asks whether it runs, not how fast.
    let (flags, rounds) = if std::env::args().any(|arg| arg == "--bench") { (FLAGS, ROUNDS) } else { (100, 1) };
    println!("| {flags} flags | document | read | publish | again | bytes a flag | peak |");
    println!("|---|---|---|---|---|---|---|");
    for (name, flag) in [("on or off", short as fn(usize, &mut String)), ("a rollout", rollout), ("three rules", rules)]
    {
        let mut text = String::from("[segments.staff]\nif = { email.ends_with = \"@example.com\" }\n\n[flags]\n");
        (0..flags).for_each(|index| flag(index, &mut text));
        run(name, &text, flags, rounds);
    }
}

fn short(index: usize, text: &mut String) {
    let _ = writeln!(text, "feature-{index} = {}", index % 2 == 0);
}

fn rollout(index: usize, text: &mut String) {
    let _ =
        writeln!(text, "feature-{index} = {{ on = true, rollout = {}, owner = \"team@example.com\" }}", index % 101);
}

fn rules(index: usize, text: &mut String) {
    let _ = write!(
        text,
        "[flags.feature-{index}]\non = true\nrollout = {}\n\
         [[flags.feature-{index}.rules]]\nname = \"staff\"\nsegment = \"staff\"\n\
         [[flags.feature-{index}.rules]]\nif = {{ country = [\"PT\", \"ES\"], plan.not = \"free\", app_version.semver = \">=2.3\" }}\n\
         rollout = 50\n\
         [[flags.feature-{index}.rules]]\nsubjects = [\"user-{index}\", \"user-{}\"]\n",
        index % 101,
        index + 1,
    );
}

fn run(name: &str, text: &str, flags: usize, rounds: usize) {
    let mut times = [const { Vec::new() }; 3];
    let (mut held, mut peak) = (0, 0);
    for _ in 0..rounds {
        let handle = Flags::new();
        let publisher = handle.add_layer(Provenance::new("bench"));
        let mut load = None;
        let reading = measure(|| times[0].push(timed(|| load = Some(read(text)))));
        let load = load.expect("it was read");
        assert_eq!((load.flags().len(), load.problems().len()), (flags, 0), "{name}");
        let publishing = measure(|| times[1].push(timed(|| publisher.publish(load))));
        let again = read(text);
        times[2].push(timed(|| publisher.publish(again)));
        assert_eq!(handle.snapshot().keys().count(), flags, "{name}");
        held = reading.bytes_current + publishing.bytes_current;
        peak = reading.bytes_max.max(reading.bytes_current.unsigned_abs() + publishing.bytes_max);
    }
    let [read, publish, again] = times.map(median);
    println!(
        "| {name} | {} kB | {read} ms | {publish} ms | {again} ms | {} | {} MB |",
        text.len() / 1_000,
        held.unsigned_abs() / flags as u64,
        peak / 1_000_000,
    );
}

fn read(text: &str) -> Load {
    Format::Toml.read(text.as_bytes()).expect("a good document")
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2].as_millis()
}
