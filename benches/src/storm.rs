//! Reads while snapshots are swapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagkit_core::source::{Provenance, Publisher};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent};

use crate::rounds::quantile;
use crate::table::Table;
use crate::works::UUID;

fn set(flags: usize, on: bool) -> FlagSet {
    let half = Flag::on().with_rollout(Percent::new(50).expect("a percentage"));
    let other = |index| (format!("feature-{index}"), if on { Flag::on() } else { Flag::off() });
    let all = (1..flags).map(other).chain([("percentage".to_owned(), half)]);
    all.map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
}

fn handle(flags: usize) -> (Flags, Publisher) {
    let handle = Flags::new();
    let publisher = handle.add_layer(Provenance::new("bench:"));
    publisher.publish(set(flags, true));
    (handle, publisher)
}

/// Publishes at this rate until it is stopped; `None` means unlimited. Returns the number of publishes.
fn swap(publisher: &Publisher, sets: &[FlagSet; 2], every: Option<Duration>, stop: &AtomicBool) -> u64 {
    let begin = Instant::now();
    let mut swaps = 0;
    while !stop.load(Ordering::Relaxed) {
        publisher.publish(sets[usize::from(swaps % 2 == 0)].clone());
        swaps += 1;
        if let Some(every) = every {
            let next = every * u32::try_from(swaps).unwrap_or(u32::MAX);
            thread::sleep(next.saturating_sub(begin.elapsed()));
        }
    }
    swaps
}

/// Measures the read rate by the number of threads and of swaps per second, with a hundred flags.
#[allow(clippy::cast_precision_loss)] // far below 2^52
pub fn throughput(slice: Duration, rounds: usize) -> Table {
    let title = "A storm: percentages of a UUID read by handle, a hundred flags, while snapshots are swapped";
    let columns = ["threads", "swaps per second", "swaps done", "million reads per second", "of the idle rate"];
    let mut table = Table::new("storm", title, &columns);
    let sets = [set(100, true), set(100, false)];
    for threads in [1_u32, 2, 4, 8] {
        let mut reads = vec![Vec::new(); Pace::ALL.len()];
        let mut swaps = vec![0; Pace::ALL.len()];
        for _ in 0..rounds {
            for (index, pace) in Pace::ALL.into_iter().enumerate() {
                let (done, swapped) = storm(threads, pace, &sets, slice);
                reads[index].push(done as f64 / slice.as_secs_f64() / 1e6);
                swaps[index] = swapped;
            }
        }
        let medians: Vec<f64> = reads.into_iter().map(|reads| quantile(reads, 0.5)).collect();
        for (index, pace) in Pace::ALL.into_iter().enumerate() {
            let (swaps, rate) = (swaps[index] as f64 / slice.as_secs_f64(), medians[index] / medians[0]);
            let part = format!("{:.0} %", rate * 100.0);
            table.push([
                f64::from(threads).into(),
                pace.name().into(),
                swaps.into(),
                medians[index].into(),
                part.into(),
            ]);
        }
    }
    table
}

/// The rate of snapshot swaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// No swaps.
    Never,
    /// One swap every this many milliseconds.
    Every(u64),
    /// Swaps without a pause.
    Ever,
}

impl Pace {
    /// The measured rates.
    pub const ALL: [Self; 4] = [Self::Never, Self::Every(100), Self::Every(1), Self::Ever];

    /// Returns the label: swaps per second.
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "none",
            Self::Every(100) => "10",
            Self::Every(_) => "1,000",
            Self::Ever => "unlimited",
        }
    }
}

/// A running storm of swaps, with a handle for reads.
#[derive(Debug)]
pub struct Storm {
    flags: Flags,
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<u64>>,
}

impl Storm {
    /// Starts a storm with a hundred flags.
    pub fn begin(pace: Pace) -> Self {
        let (flags, publisher) = handle(100);
        let stop = Arc::new(AtomicBool::new(false));
        let every = match pace {
            Pace::Never => return Self { flags, stop, writer: None },
            Pace::Every(millis) => Some(Duration::from_millis(millis)),
            Pace::Ever => None,
        };
        let stopped = Arc::clone(&stop);
        let sets = [set(100, true), set(100, false)];
        let writer = thread::spawn(move || swap(&publisher, &sets, every, &stopped));
        Self { flags, stop, writer: Some(writer) }
    }

    /// Reads a percentage of a UUID by handle repeatedly.
    pub fn read(&self, times: u64) {
        for _ in 0..times {
            std::hint::black_box(self.flags.is_on("percentage", UUID));
        }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn storm(threads: u32, pace: Pace, sets: &[FlagSet; 2], slice: Duration) -> (u64, u64) {
    let (flags, publisher) = handle(100);
    let (stop, total) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut swaps = 0;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut reads = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..64 {
                        std::hint::black_box(flags.is_on("percentage", UUID));
                    }
                    reads += 64;
                }
                total.fetch_add(reads, Ordering::Relaxed);
            });
        }
        let timer = scope.spawn(|| {
            thread::sleep(slice);
            stop.store(true, Ordering::Relaxed);
        });
        swaps = match pace {
            Pace::Never => 0,
            Pace::Every(millis) => swap(&publisher, sets, Some(Duration::from_millis(millis)), &stop),
            Pace::Ever => swap(&publisher, sets, None, &stop),
        };
        timer.join().expect("it does not panic");
    });
    (total.into_inner(), swaps)
}

/// Measures the slowest single reads while a large snapshot is swapped every ten milliseconds.
pub fn latency(flags: usize, reads: usize) -> Table {
    let title = format!("Latency: single reads by handle, {flags} flags, while the snapshot is swapped every 10 ms");
    let columns = ["swapped", "swaps done", "ns, median", "ns, 99 %", "ns, 99.9 %", "ns, 99.99 %"];
    let mut table = Table::new("latency", &title, &columns);
    let sets = [set(flags, true), set(flags, false)];
    for swapped in [false, true] {
        let (handle, publisher) = handle(flags);
        let stop = AtomicBool::new(!swapped);
        thread::scope(|scope| {
            let writer = scope.spawn(|| swap(&publisher, &sets, Some(Duration::from_millis(10)), &stop));
            let nanos: Vec<f64> = (0..reads)
                .map(|_| {
                    let begin = Instant::now();
                    std::hint::black_box(handle.is_on("percentage", UUID));
                    begin.elapsed().as_secs_f64() * 1e9
                })
                .collect();
            stop.store(true, Ordering::Relaxed);
            #[allow(clippy::cast_precision_loss)] // far below 2^52
            let swaps = writer.join().expect("it does not panic") as f64;
            let at = |part| quantile(nanos.clone(), part).into();
            let shown = if swapped { "yes" } else { "no" };
            table.push([shown.into(), swaps.into(), at(0.5), at(0.99), at(0.999), at(0.9999)]);
        });
    }
    table
}
