//! Times by rounds: each case in turn, so that what disturbs the machine disturbs all alike.

use std::time::{Duration, Instant};

use crate::case::{Case, Work};

/// How thorough to be.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many rounds. An odd number has a median.
    pub rounds: usize,
    /// How long one case runs in one round.
    pub slice: Duration,
}

impl Effort {
    /// For numbers that are to be believed.
    pub const FULL: Self = Self { rounds: 101, slice: Duration::from_millis(2) };
    /// For finding out whether it runs.
    pub const SMOKE: Self = Self { rounds: 1, slice: Duration::from_micros(1) };
}

/// What one way to do a piece of work costs, once.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Which way it is.
    pub name: String,
    /// Nanoseconds: the median of all rounds.
    pub nanos: f64,
    /// Nanoseconds: a quarter of the rounds took less, and a quarter more.
    pub quartiles: [f64; 2],
    /// How many times what the first case takes: the median of the ratios within each round.
    pub ratio: f64,
    /// Heap allocations.
    pub allocations: f64,
}

/// Measures all cases of a piece of work in turn.
pub fn measure(work: &mut Work, effort: Effort) -> Vec<Cost> {
    let times: Vec<u64> = work.cases.iter_mut().map(|case| calibrate(case, effort.slice)).collect();
    let mut nanos = vec![Vec::with_capacity(effort.rounds); work.cases.len()];
    for round in 0..effort.rounds {
        for turn in 0..work.cases.len() {
            // Each round begins with another case.
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

/// How often the case can be run in the time.
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

/// The value that so large a part of the others is below. There is at least one.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // an index
pub fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}
