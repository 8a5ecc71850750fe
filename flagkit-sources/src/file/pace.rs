//! Limits how often events make a source check its file.
//!
//! # The problem
//!
//! Any user who may change the mode, the times or a link of the file causes an event for each such change, ten thousand
//! a second if they like. None of them changes the contents. A source that checks the file for each of them uses most
//! of a core.
//!
//! # The idea
//!
//! An ordinary change causes a few events within a millisecond, and each of them should have its check at once. So the
//! first few checks are free, and further ones are spaced: by at least 25 ms, and by ten times the duration of a read.
//! Whatever the events, a source then uses at most a tenth of a core. Every event still leads to a check that begins
//! after it.
//!
//! # Limits
//!
//! During a storm a change is detected up to 25 ms later, or by ten times the duration of a read.

use std::time::{Duration, Instant};

/// Spaces the checks that events cause. The loop in `follow` owns one; checks of the poll do not count.
///
/// This is the generic cell rate algorithm: a token bucket that stores one time instead of a count of tokens.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the checks so far would have been done, had they been spaced evenly.
    due: Option<Instant>,
}

/// The number of checks that need not wait.
const BURST: u32 = 4;
/// The shortest time between two checks after a burst.
const MIN_INTERVAL: Duration = Duration::from_millis(25);
/// The longest time between two checks, for a file that is slow to read.
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// How many times longer than a read the pause after it is.
const PAUSE_PER_READ: u32 = 10;

impl Pace {
    /// Counts one check, and returns how long it has to wait. `cost` is the duration of the last read.
    pub(super) fn next(&mut self, now: Instant, cost: Duration) -> Duration {
        let interval = cost.saturating_mul(PAUSE_PER_READ).clamp(MIN_INTERVAL, MAX_INTERVAL);
        let due = self.due.map_or(now, |due| due.max(now)) + interval;
        self.due = Some(due);
        due.saturating_duration_since(now + interval * BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many checks begin within a second if there is always another event.
    fn checks_per_second(cost: Duration) -> u32 {
        let (mut pace, start, mut count) = (Pace::default(), Instant::now(), 0);
        let mut now = start;
        while now < start + Duration::from_secs(1) {
            now += pace.next(now, cost) + cost;
            count += 1;
        }
        count
    }

    #[test]
    fn a_few_checks_need_not_wait() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let waits = [(); 6].map(|()| pace.next(now, Duration::ZERO).as_millis());
        assert_eq!(waits, [0, 0, 0, 0, 25, 50]);
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.next(later, Duration::ZERO), Duration::ZERO, "a pause allows a burst again");
    }

    #[test]
    fn a_storm_of_events_costs_at_most_a_tenth_of_a_core() {
        assert!((38..=45).contains(&checks_per_second(Duration::from_micros(50))));
        for milliseconds in [5, 20, 50] {
            let cost = Duration::from_millis(milliseconds);
            let used = cost * (checks_per_second(cost) - BURST);
            assert!(used <= Duration::from_millis(100), "{used:?} for checks of {cost:?}");
        }
    }
}
