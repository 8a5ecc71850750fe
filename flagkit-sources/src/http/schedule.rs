//! When to ask again.
//!
//! # The problem
//!
//! Ten thousand processes that start together, or lose their server together, must not come back together: the server
//! that recovers would be met by all of them at once. And a client that stops asking after an error it takes for final
//! has to be restarted by hand once that was mended.
//!
//! # The idea
//!
//! Polls are jittered, and spread over a whole interval after a start and after a recovery. Failures back off in two
//! regimes: what usually passes (the network, 408, 429, 5xx) quickly, what usually takes a human (401, 403, 404, other
//! 4xx, TLS) slowly. Neither ever ends. The back-off is "equal jitter": a random part of the upper half of a wait that
//! doubles (Brooker, "Exponential Backoff And Jitter", 2015), so that no wait is close to none.
//!
//! Pure: no clock, no I/O. Time comes in as how long something lasted and goes out as how long to wait.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long to wait after failures: the first wait and the longest; each is twice the one before.
///
/// Every wait is a random part of the upper half of these. None is shorter than 10 milliseconds or longer than a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// After failures that usually pass by themselves: no connection, a timeout, a broken answer, 408, 429 and 5xx.
    /// Default: 1 second, then up to 60 seconds.
    pub transient: (Duration, Duration),
    /// After failures that usually take a human: other 4xx, redirects that are not followed, TLS. Default: 5 minutes,
    /// then up to an hour.
    pub permanent: (Duration, Duration),
}

impl Default for Retry {
    fn default() -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        Self { transient: (second, minute), permanent: (5 * minute, 60 * minute) }
    }
}

/// Which of the two regimes a failure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regime {
    Passing,
    Lasting,
}

/// How a try went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Flags were accepted, or found unchanged.
    Good,
    Failed(Regime, Option<Duration>),
    /// A stream has ended that had been opened well, after so long.
    Ended(Duration),
}

/// The bounds of all waits that are set.
const SHORTEST: Duration = Duration::from_millis(10);
const DAY: Duration = Duration::from_secs(86_400);
/// The longest that a server can make us wait.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long a stream has to live for earlier failures to be forgotten.
const HEALTHY: Duration = Duration::from_secs(60);
/// How many polls in a row have to be good for earlier failures to be forgotten.
const GOOD_POLLS: u32 = 2;

/// When one client asks again.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    poll: Duration,
    retry: Retry,
    random: Random,
    /// In a row, as far as they are not forgotten.
    failures: u32,
    regime: Regime,
    good: u32,
}

impl Schedule {
    pub(super) fn new(poll: Duration, retry: Retry, random: Random) -> Self {
        let bounded = |(first, longest): (Duration, Duration)| {
            let first = first.clamp(SHORTEST, DAY);
            (first, longest.clamp(first, DAY))
        };
        let retry = Retry { transient: bounded(retry.transient), permanent: bounded(retry.permanent) };
        Self { poll, retry, random, failures: 0, regime: Regime::Passing, good: 0 }
    }

    /// How long to wait before the first poll after a start, or for the first one altogether: as long as from a random
    /// moment to the next poll of a client that has been polling for long, so that a fleet is spread as if it had.
    pub(super) fn splay(&mut self) -> Duration {
        let interval = self.random.around(self.poll);
        self.random.between(Duration::ZERO, interval)
    }

    /// How long to wait after this.
    pub(super) fn after(&mut self, outcome: Outcome) -> Duration {
        match outcome {
            Outcome::Good => {
                self.good = self.good.saturating_add(1);
                let recovers = self.failures > 0 && self.good == 1;
                if self.good >= GOOD_POLLS {
                    self.failures = 0;
                }
                // Those who recover together have all just asked: spread them anew.
                if recovers {
                    self.random.between(self.poll / 2, self.poll.mul_f64(1.5))
                } else {
                    self.random.around(self.poll)
                }
            }
            Outcome::Failed(regime, retry_after) => {
                let own = self.back_off(regime);
                match retry_after.map(|wait| wait.min(LONGEST)).filter(|wait| *wait > own) {
                    // Not all at the very moment that all were told.
                    Some(wait) => self.random.between(wait, wait.mul_f64(1.1).min(LONGEST)),
                    None => own,
                }
            }
            Outcome::Ended(lasted) => {
                if lasted < HEALTHY {
                    return self.back_off(Regime::Passing);
                }
                self.failures = 0;
                // All streams of a server end together.
                let own = self.back_off(Regime::Passing);
                self.random.between(own, own.max(self.poll))
            }
        }
    }

    fn back_off(&mut self, regime: Regime) -> Duration {
        if self.regime != regime {
            (self.regime, self.failures) = (regime, 0);
        }
        self.good = 0;
        let (first, longest) = match regime {
            Regime::Passing => self.retry.transient,
            Regime::Lasting => self.retry.permanent,
        };
        let wait = 2_u32.checked_pow(self.failures).and_then(|times| first.checked_mul(times));
        let wait = wait.map_or(longest, |wait| wait.min(longest));
        self.failures = self.failures.saturating_add(1);
        self.random.between(wait / 2, wait)
    }
}

/// A source of randomness for waits: `SplitMix64` (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014). Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Seeds it differently in each process and each time.
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

    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        // 32 bits, as a fraction.
        #[allow(clippy::cast_precision_loss)] // exact
        let part = (self.next() >> 32) as f64 / f64::from(u32::MAX);
        least + most.saturating_sub(least).mul_f64(part)
    }

    /// Within a tenth.
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
            assert_between(schedule.splay(), 0.0, 33.0);
            for _ in 0..5 {
                assert_between(schedule.after(Outcome::Good), 27.0, 33.0);
            }
        }
        let mean = (0..10_000).map(|seed| schedule(seed).splay().as_secs_f64()).sum::<f64>() / 10_000.0;
        assert!((14.5..15.5).contains(&mean), "{mean}");
    }

    #[test]
    fn failures_back_off_in_two_regimes_and_never_end() {
        for seed in 0..1_000 {
            let mut schedule = schedule(seed);
            for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
                assert_between(
                    schedule.after(Outcome::Failed(Regime::Passing, None)),
                    f64::from(wait) / 2.0,
                    wait.into(),
                );
            }
            // Another regime begins anew.
            for wait in [300, 600, 1200, 2400, 3600, 3600] {
                assert_between(
                    schedule.after(Outcome::Failed(Regime::Lasting, None)),
                    f64::from(wait) / 2.0,
                    wait.into(),
                );
            }
        }
        let mut schedule = schedule(1);
        for _ in 0..100_000 {
            schedule.after(Outcome::Failed(Regime::Passing, None));
        }
        assert_between(schedule.after(Outcome::Failed(Regime::Passing, None)), 30.0, 60.0);
    }

    #[test]
    fn failures_are_forgotten_after_two_good_polls() {
        for seed in 0..100 {
            let mut schedule = schedule(seed);
            let failed = Outcome::Failed(Regime::Passing, None);
            (0..3).for_each(|_| assert!(schedule.after(failed) <= secs(4.0)));
            assert_between(schedule.after(Outcome::Good), 15.0, 45.0);
            assert_between(schedule.after(failed), 4.0, 8.0);
            assert_between(schedule.after(Outcome::Good), 15.0, 45.0);
            assert_between(schedule.after(Outcome::Good), 27.0, 33.0);
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
            now += schedule.after(Outcome::Ended(Duration::from_millis(5)));
        }
        assert!(connects <= 12, "{connects} in a minute");
        (0..20).for_each(|_| assert!(schedule.after(Outcome::Ended(Duration::ZERO)) <= secs(60.0)));
        assert_between(schedule.after(Outcome::Ended(Duration::from_secs(59))), 30.0, 60.0);
        assert_between(schedule.after(Outcome::Ended(Duration::from_secs(60))), 0.5, 30.0);
        let mean =
            (0..10_000).map(|seed| self::schedule(seed).after(Outcome::Ended(HEALTHY)).as_secs_f64()).sum::<f64>();
        assert!((14.5..16.5).contains(&(mean / 10_000.0)), "spread over an interval: {mean}");
    }

    #[test]
    fn what_the_server_asks_for_is_honoured_within_bounds() {
        for seed in 0..100 {
            let after = |seconds| {
                let failed = Outcome::Failed(Regime::Passing, Some(Duration::from_secs(seconds)));
                schedule(seed).after(failed)
            };
            assert_between(after(0), 0.5, 1.0);
            assert_between(after(120), 120.0, 132.0);
            assert_between(after(3_600), 3_600.0, 3_600.0);
            assert_between(after(99_999_999_999), 3_600.0, 3_600.0);
        }
    }

    /// Runs clients against a server that answers but during the outage; returns the requests of each second.
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
            let outcome = if is_down { Outcome::Failed(Regime::Passing, None) } else { Outcome::Good };
            due.push(Reverse((now + schedules[index].after(outcome), index)));
        }
        requests
    }

    #[test]
    fn ten_thousand_clients_that_start_or_recover_together_do_not_ask_together() {
        const CLIENTS: u32 = 10_000;
        let mean = f64::from(CLIENTS) / INTERVAL.as_secs_f64();
        let peak = |requests: &[u32]| f64::from(requests.iter().copied().max().expect("some")) / mean;

        let started = simulate(CLIENTS, Schedule::splay, [0, 0], 600);
        println!("after a start with a copy on disk, at the worst {:.2} times the mean", peak(&started));
        assert!(peak(&started) <= 1.5, "{:.2}", peak(&started));

        let recovered = simulate(CLIENTS, Schedule::splay, [200, 320], 1_200);
        println!("after an outage of 120 s, at the worst {:.2} times the mean", peak(&recovered[320..]));
        assert!(peak(&recovered[320..]) <= 1.5, "{:.2}", peak(&recovered[320..]));
        // The server has work again, and the check above is not one of silence.
        assert!(recovered[320..].iter().all(|count| f64::from(*count) > mean / 4.0), "{:?}", &recovered[320..400]);

        // Asked without splay, they come in waves: this is what the check would find.
        let waves = simulate(CLIENTS, |_| Duration::ZERO, [0, 0], 600);
        assert!(peak(&waves) > 10.0 && peak(&waves[20..]) > 3.0, "{:.2}", peak(&waves[20..]));
    }
}
