//! Times by rounds: the cases run in turn, so that disturbances affect all of them alike.

use std::time::{Duration, Instant};

use crate::case::{Case, Work};

/// The effort of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The number of rounds. Use an odd number, which has a median.
    pub rounds: usize,
    /// The duration of one case in one round.
    pub slice: Duration,
}

impl Effort {
    /// For reliable numbers.
    pub const FULL: Self = Self { rounds: 101, slice: Duration::from_millis(2) };
    /// For a smoke test.
    pub const SMOKE: Self = Self { rounds: 1, slice: Duration::from_micros(1) };
}

/// The cost of one run of a case.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The name of the case.
    pub name: String,
    /// Nanoseconds, as the median of all rounds.
    pub nanos: f64,
    /// Nanoseconds, as the first and third quartile of all rounds.
    pub quartiles: [f64; 2],
    /// The ratio to the first case, as the median of the ratios within each round.
    pub ratio: f64,
    /// Heap allocations.
    pub allocations: f64,
}

/// Measures all cases of a work in turn.
pub fn measure(work: &mut Work, effort: Effort) -> Vec<Cost> {
    let times: Vec<u64> = work.cases.iter_mut().map(|case| calibrate(case, effort.slice)).collect();
    let mut nanos = vec![Vec::with_capacity(effort.rounds); work.cases.len()];
    for round in 0..effort.rounds {
        for turn in 0..work.cases.len() {
            // Each round begins with a different case.
            let index = (round + turn) % work.cases.len();
            let (case, times) = (&mut work.cases[index], times[index]);
            nanos[index].push(nanos_of(case, times));
        }
    }
    let first = nanos[0].clone();
    let cost = |(case, nanos): (&mut Case, Vec<f64>)| {
        let ratios = nanos.iter().zip(&first).map(|(nanos, first)| nanos / first).collect();
        Cost {
            name: case.name().to_owned(),
            quartiles: [quantile(nanos.clone(), 0.25), quantile(nanos.clone(), 0.75)],
            nanos: quantile(nanos, 0.5),
            ratio: quantile(ratios, 0.5),
            allocations: allocations(case),
        }
    };
    work.cases.iter_mut().zip(nanos).map(cost).collect()
}

/// Returns how many runs of the case fit into this time.
fn calibrate(case: &mut Case, slice: Duration) -> u64 {
    let mut times = 1;
    loop {
        let begin = Instant::now();
        case.run(times);
        let took = begin.elapsed();
        if took >= slice || times >= 1 << 30 {
            return times;
        }
        times *= 2;
    }
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn nanos_of(case: &mut Case, times: u64) -> f64 {
    let begin = Instant::now();
    case.run(times);
    begin.elapsed().as_nanos() as f64 / times as f64
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn allocations(case: &mut Case) -> f64 {
    const TIMES: u64 = 100;
    allocation_counter::measure(|| case.run(TIMES)).count_total as f64 / TIMES as f64
}

/// Returns the quantile at this fraction. `values` must not be empty.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // an index
pub fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}
