//! The schedule of requests: how long to wait before the next one.
//!
//! # The problem
//!
//! Ten thousand processes may start at once, or lose their server at once. If all of them sent requests at once again, the
//! server could not recover. And a client that stops after an error that seems final has to be restarted by hand after
//! the error is fixed.
//!
//! # The idea
//!
//! Each wait between polls is random within a tenth of the interval. After a start and after a recovery, the first wait is
//! random within a whole interval. Failures belong to one of two classes, and neither ends the requests:
//!
//! - transient failures (the network, 408, 429, 5xx) usually pass, so the waits are short;
//! - permanent failures (401, 403, 404, other 4xx, TLS) usually need a person, so the waits are long.
//!
//! The back-off is "equal jitter" (Brooker, "Exponential Backoff And Jitter", 2015): a random duration from the upper half
//! of a wait that doubles. No wait is therefore close to zero.
//!
//! # Invariants
//!
//! The schedule reads no clock and does no I/O. Its input is how a request ended, or how long a stream lasted. Its output
//! is how long to wait.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The waits after failures: for each class the first wait and the longest. Each wait is twice the previous one.
///
/// The actual wait is random, from half of that value to the whole. A first or longest wait below 10 milliseconds or
/// above a day is clamped to these bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// Waits after failures that usually pass: no connection, a timeout, an invalid response, 408, 429 and 5xx.
    /// Default: 1 second, then up to 60 seconds.
    pub transient: (Duration, Duration),
    /// Waits after failures that usually need a person: other 4xx, redirects that are not followed, TLS.
    /// Default: 5 minutes, then up to an hour.
    pub permanent: (Duration, Duration),
}

impl Default for Retry {
    fn default() -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        Self { transient: (second, minute), permanent: (5 * minute, 60 * minute) }
    }
}

/// The class of a failure, which determines the waits after it; see [`Retry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureClass {
    Transient,
    Permanent,
}

/// The end of a poll or of a stream, as input of the schedule.
///
/// The poller creates one for each request and passes it to [`Schedule::after`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PollOutcome {
    /// The server sent an acceptable document, or "not modified".
    Succeeded,
    /// The request failed. The server may have requested a wait.
    Failed(FailureClass, Option<Duration>),
    /// A stream ended that was open for this long.
    StreamEnded(Duration),
}

/// The lower bound of all waits that a user sets.
const MIN_WAIT: Duration = Duration::from_millis(10);
/// The upper bound of all waits that a user sets.
const DAY: Duration = Duration::from_secs(86_400);
/// The longest wait that a server can request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// How long a stream must last to reset the back-off.
const STABLE_STREAM: Duration = Duration::from_secs(60);
/// How many polls in a row must succeed to reset the back-off.
const RESET_AFTER_POLLS: u32 = 2;

/// The waits of one client, for polls or for streams.
///
/// The poller owns two: one for polls, and one for attempts to open a stream. Failures of a stream thus never delay polls.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    poll: Duration,
    retry: Retry,
    random: Random,
    /// Failures since the last reset; the exponent of the back-off.
    failures: u32,
    class: FailureClass,
    /// Successful polls since the last failure.
    successes: u32,
}

impl Schedule {
    pub(super) fn new(poll: Duration, retry: Retry, random: Random) -> Self {
        let bounded = |(first, longest): (Duration, Duration)| {
            let first = first.clamp(MIN_WAIT, DAY);
            (first, longest.clamp(first, DAY))
        };
        let retry = Retry { transient: bounded(retry.transient), permanent: bounded(retry.permanent) };
        Self { poll, retry, random, failures: 0, class: FailureClass::Transient, successes: 0 }
    }

    /// Returns the wait before the first poll, or before the first poll after a successful start.
    ///
    /// It is distributed like the time from a random moment to the next poll of a running client. Processes that start
    /// together are therefore spread over the interval like processes that have been running for a long time.
    pub(super) fn initial_jitter(&mut self) -> Duration {
        let interval = self.random.around(self.poll);
        self.random.between(Duration::ZERO, interval)
    }

    /// Returns the wait after this outcome, and records the outcome for later waits.
    pub(super) fn after(&mut self, outcome: PollOutcome) -> Duration {
        match outcome {
            PollOutcome::Succeeded => {
                self.successes = self.successes.saturating_add(1);
                let recovers = self.failures > 0 && self.successes == 1;
                if self.successes >= RESET_AFTER_POLLS {
                    self.failures = 0;
                }
                // Clients that recover together have all sent a request now, so the next ones are spread again.
                if recovers {
                    self.random.between(self.poll / 2, self.poll.mul_f64(1.5))
                } else {
                    self.random.around(self.poll)
                }
            }
            PollOutcome::Failed(class, retry_after) => {
                let own = self.back_off(class);
                match retry_after.map(|wait| wait.min(MAX_RETRY_AFTER)).filter(|wait| *wait > own) {
                    // All clients may have received the same wait, so it is extended by a random part.
                    Some(wait) => self.random.between(wait, wait.mul_f64(1.1).min(MAX_RETRY_AFTER)),
                    None => own,
                }
            }
            PollOutcome::StreamEnded(lasted) => {
                if lasted < STABLE_STREAM {
                    return self.back_off(FailureClass::Transient);
                }
                self.failures = 0;
                // All streams of a server end at once when it restarts, so the reconnects are spread over an interval.
                let own = self.back_off(FailureClass::Transient);
                self.random.between(own, own.max(self.poll))
            }
        }
    }

    /// Returns the next wait of a class. A failure of the other class starts again with the first wait.
    fn back_off(&mut self, class: FailureClass) -> Duration {
        if self.class != class {
            (self.class, self.failures) = (class, 0);
        }
        self.successes = 0;
        let (first, longest) = match class {
            FailureClass::Transient => self.retry.transient,
            FailureClass::Permanent => self.retry.permanent,
        };
        let wait = 2_u32.checked_pow(self.failures).and_then(|times| first.checked_mul(times));
        let wait = wait.map_or(longest, |wait| wait.min(longest));
        self.failures = self.failures.saturating_add(1);
        self.random.between(wait / 2, wait)
    }
}

/// The random number generator for waits: `SplitMix64` (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014).
///
/// It is small, needs no dependency, and is reproducible in tests. It must not be used for secrets.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Creates a generator with a seed that differs between processes and between calls.
    pub(super) fn new() -> Self {
        Self(RandomState::new().hash_one(std::process::id()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a random duration between the two bounds.
    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        // The upper 32 bits as a fraction from 0 to 1.
        #[allow(clippy::cast_precision_loss)] // exact
        let part = (self.next() >> 32) as f64 / f64::from(u32::MAX);
        least + most.saturating_sub(least).mul_f64(part)
    }

    /// Returns a random duration that differs from `wait` by at most a tenth.
    fn around(&mut self, wait: Duration) -> Duration {
        self.between(wait.mul_f64(0.9), wait.mul_f64(1.1))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn schedule(seed: u64) -> Schedule {
        Schedule::new(INTERVAL, Retry::default(), Random(seed))
    }

    fn secs(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn assert_between(wait: Duration, least: f64, most: f64) {
        assert!((secs(least)..=secs(most)).contains(&wait), "{wait:?} is not from {least} to {most} seconds");
    }

    #[test]
    fn a_poll_comes_after_the_interval_give_or_take_a_tenth() {
        for seed in 0..1_000 {
            let mut schedule = schedule(seed);
            assert_between(schedule.initial_jitter(), 0.0, 33.0);
            for _ in 0..5 {
                assert_between(schedule.after(PollOutcome::Succeeded), 27.0, 33.0);
            }
        }
        let mean = (0..10_000).map(|seed| schedule(seed).initial_jitter().as_secs_f64()).sum::<f64>() / 10_000.0;
        assert!((14.5..15.5).contains(&mean), "{mean}");
    }

    #[test]
    fn failures_back_off_in_two_regimes_and_never_end() {
        for seed in 0..1_000 {
            let mut schedule = schedule(seed);
            for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
                assert_between(
                    schedule.after(PollOutcome::Failed(FailureClass::Transient, None)),
                    f64::from(wait) / 2.0,
                    wait.into(),
                );
            }
            // A failure of the other class starts with its first wait.
            for wait in [300, 600, 1200, 2400, 3600, 3600] {
                assert_between(
                    schedule.after(PollOutcome::Failed(FailureClass::Permanent, None)),
                    f64::from(wait) / 2.0,
                    wait.into(),
                );
            }
        }
        let mut schedule = schedule(1);
        for _ in 0..100_000 {
            schedule.after(PollOutcome::Failed(FailureClass::Transient, None));
        }
        assert_between(schedule.after(PollOutcome::Failed(FailureClass::Transient, None)), 30.0, 60.0);
    }

    #[test]
    fn failures_are_forgotten_after_two_good_polls() {
        for seed in 0..100 {
            let mut schedule = schedule(seed);
            let failed = PollOutcome::Failed(FailureClass::Transient, None);
            (0..3).for_each(|_| assert!(schedule.after(failed) <= secs(4.0)));
            assert_between(schedule.after(PollOutcome::Succeeded), 15.0, 45.0);
            assert_between(schedule.after(failed), 4.0, 8.0);
            assert_between(schedule.after(PollOutcome::Succeeded), 15.0, 45.0);
            assert_between(schedule.after(PollOutcome::Succeeded), 27.0, 33.0);
            assert_between(schedule.after(failed), 0.5, 1.0);
        }
    }

    #[test]
    fn a_stream_that_is_closed_again_and_again_is_asked_for_ever_less_often() {
        let mut schedule = schedule(7);
        let mut connects = 0;
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(60) {
            connects += 1;
            now += schedule.after(PollOutcome::StreamEnded(Duration::from_millis(5)));
        }
        assert!(connects <= 12, "{connects} in a minute");
        (0..20).for_each(|_| assert!(schedule.after(PollOutcome::StreamEnded(Duration::ZERO)) <= secs(60.0)));
        assert_between(schedule.after(PollOutcome::StreamEnded(Duration::from_secs(59))), 30.0, 60.0);
        assert_between(schedule.after(PollOutcome::StreamEnded(Duration::from_secs(60))), 0.5, 30.0);
        let mean = (0..10_000)
            .map(|seed| self::schedule(seed).after(PollOutcome::StreamEnded(STABLE_STREAM)).as_secs_f64())
            .sum::<f64>();
        assert!((14.5..16.5).contains(&(mean / 10_000.0)), "spread over an interval: {mean}");
    }

    #[test]
    fn what_the_server_asks_for_is_honoured_within_bounds() {
        for seed in 0..100 {
            let after = |seconds| {
                let failed = PollOutcome::Failed(FailureClass::Transient, Some(Duration::from_secs(seconds)));
                schedule(seed).after(failed)
            };
            assert_between(after(0), 0.5, 1.0);
            assert_between(after(120), 120.0, 132.0);
            assert_between(after(3_600), 3_600.0, 3_600.0);
            assert_between(after(99_999_999_999), 3_600.0, 3_600.0);
        }
    }

    /// Simulates clients of a server that answers except during the outage. Returns the requests of each second.
    fn simulate(clients: u32, start: impl Fn(&mut Schedule) -> Duration, outage: [u64; 2], end: u64) -> Vec<u32> {
        let mut requests = vec![0; usize::try_from(end).expect("small")];
        let mut schedules: Vec<Schedule> =
            (0..clients).map(|client| schedule(u64::from(client).wrapping_mul(0x1234_5678_9ABC_DEF1))).collect();
        let mut due: BinaryHeap<Reverse<(Duration, usize)>> =
            schedules.iter_mut().enumerate().map(|(index, schedule)| Reverse((start(schedule), index))).collect();
        while let Some(Reverse((now, index))) = due.pop() {
            let Some(count) = usize::try_from(now.as_secs()).ok().and_then(|second| requests.get_mut(second)) else {
                continue;
            };
            *count += 1;
            let is_down = (outage[0]..outage[1]).contains(&now.as_secs());
            let outcome =
                if is_down { PollOutcome::Failed(FailureClass::Transient, None) } else { PollOutcome::Succeeded };
            due.push(Reverse((now + schedules[index].after(outcome), index)));
        }
        requests
    }

    #[test]
    fn ten_thousand_clients_that_start_or_recover_together_do_not_ask_together() {
        const CLIENTS: u32 = 10_000;
        let mean = f64::from(CLIENTS) / INTERVAL.as_secs_f64();
        let peak = |requests: &[u32]| f64::from(requests.iter().copied().max().expect("some")) / mean;

        let started = simulate(CLIENTS, Schedule::initial_jitter, [0, 0], 600);
        println!("after a start with a copy on disk, at the worst {:.2} times the mean", peak(&started));
        assert!(peak(&started) <= 1.5, "{:.2}", peak(&started));

        let recovered = simulate(CLIENTS, Schedule::initial_jitter, [200, 320], 1_200);
        println!("after an outage of 120 s, at the worst {:.2} times the mean", peak(&recovered[320..]));
        assert!(peak(&recovered[320..]) <= 1.5, "{:.2}", peak(&recovered[320..]));
        // The server receives requests again, so the peak above is not that of an idle server.
        assert!(recovered[320..].iter().all(|count| f64::from(*count) > mean / 4.0), "{:?}", &recovered[320..400]);

        // Without the initial jitter, requests come in waves, and the check above would fail.
        let waves = simulate(CLIENTS, |_| Duration::ZERO, [0, 0], 600);
        assert!(peak(&waves) > 10.0 && peak(&waves[20..]) > 3.0, "{:.2}", peak(&waves[20..]));
    }
}
