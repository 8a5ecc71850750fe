//! The cost of loading: reading a document, publishing it, and keeping it in memory.
//!
//! Times are medians. Bytes are those requested from the allocator. The process takes more from the system, depending
//! on the allocator.

use std::fmt::Write as _;
use std::time::Instant;

use allocation_counter::measure;
use flagkit_core::Flags;
use flagkit_core::source::Provenance;
use flagkit_sources::document::Format;

use crate::rounds::quantile;
use crate::table::Table;

/// The contents of each flag of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// Only on or off.
    Switch,
    /// A rollout and an owner.
    Rollout,
    /// Three rules.
    Rules,
}

impl Each {
    /// All kinds, the shortest first.
    pub const ALL: [Self; 3] = [Self::Switch, Self::Rollout, Self::Rules];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Switch => "on or off",
            Self::Rollout => "a rollout, an owner",
            Self::Rules => "three rules",
        }
    }
}

/// Returns a document with this many flags, in each format.
pub fn documents(flags: usize, each: Each) -> [(Format, String); 2] {
    let flag = match each {
        Each::Switch => short,
        Each::Rollout => rollout,
        Each::Rules => rules,
    };
    let mut text = String::from("[segments.staff]\nif = { email.ends_with = \"@example.com\" }\n\n[flags]\n");
    (0..flags).for_each(|index| flag(index, &mut text));
    let json = json(&text);
    [(Format::Toml, text), (Format::Json, json)]
}

/// Measures loads of documents with this many flags of one kind.
pub fn table(flags: usize, each: Each, rounds: usize) -> Table {
    let columns =
        ["flags", "each", "format", "kB", "ms, read", "ms, publish", "ms, republish", "bytes per flag", "MB, peak"];
    let mut table = Table::new("load", "Loading", &columns);
    for (format, text) in documents(flags, each) {
        run(&mut table, each.name(), format, &text, flags, rounds);
    }
    table
}

/// Returns the same document in JSON.
fn json(text: &str) -> String {
    let value: serde_json::Value = toml::from_str(text).expect("good TOML");
    serde_json::to_string(&value).expect("it has a form in JSON")
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

fn run(table: &mut Table, name: &str, format: Format, text: &str, flags: usize, rounds: usize) {
    let mut times = [const { Vec::new() }; 3];
    let read = || format.read(text.as_bytes()).expect("a good document");
    for _ in 0..rounds {
        let handle = Flags::new();
        let publisher = handle.add_layer(Provenance::new("bench:"));
        let mut load = None;
        times[0].push(millis(|| load = Some(read())));
        let load = load.expect("it was read");
        assert_eq!((load.flags().len(), load.problems().len()), (flags, 0), "{name}");
        times[1].push(millis(|| publisher.publish(load)));
        let again = read();
        times[2].push(millis(|| publisher.publish(again)));
        assert_eq!(handle.snapshot().keys().count(), flags, "{name}");
    }
    // Count separately: counting slows down each allocation.
    let handle = Flags::new();
    let publisher = handle.add_layer(Provenance::new("bench:"));
    let mut load = None;
    let reading = measure(|| load = Some(read()));
    let load = load.expect("it was read");
    let publishing = measure(|| publisher.publish(load));
    let held = reading.bytes_current + publishing.bytes_current;
    let peak = reading.bytes_max.max(reading.bytes_current.unsigned_abs() + publishing.bytes_max);
    let [read, publish, again] = times.map(|times| quantile(times, 0.5));
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    let [flags, kilobytes, held, peak] =
        [flags as f64, text.len() as f64 / 1e3, held as f64 / flags as f64, peak as f64 / 1e6];
    let format = format.extension().to_uppercase();
    table.push([
        flags.into(),
        name.into(),
        format.into(),
        kilobytes.into(),
        read.into(),
        publish.into(),
        again.into(),
        held.into(),
        peak.into(),
    ]);
}

fn millis(run: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    run();
    begin.elapsed().as_secs_f64() * 1e3
}
