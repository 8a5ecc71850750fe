//! A limit on a rate, as a token bucket.

use std::time::{Duration, Instant};

/// A token bucket: it holds tokens for a burst, and gains tokens at a constant rate.
///
/// The [`Meter`](super::meter::Meter) has one for the bytes of a stream, and the thread of a [`Stream`] has one for its
/// items. It reads no clock: the caller passes the time.
///
/// [`Stream`]: super::stream::Stream
#[derive(Debug)]
pub(super) struct Throttle {
    burst: f64,
    per_second: f64,
    /// The tokens at `since`. Negative while the caller has to wait.
    tokens: f64,
    since: Instant,
}

impl Throttle {
    /// Creates a full bucket.
    pub(super) fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        let (burst, per_second) = (f64::from(burst), f64::from(per_second.max(1)));
        Self { burst, per_second, tokens: burst, since: now }
    }

    /// Takes tokens, and returns how long to wait before the next call. Zero while the burst lasts.
    pub(super) fn take(&mut self, tokens: u32, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.since).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.burst) - f64::from(tokens);
        self.since = now;
        Duration::from_secs_f64((-self.tokens / self.per_second).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rate_is_kept_after_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut throttle = Throttle::new(100, 10, start);
        assert!((0..100).all(|_| throttle.take(1, start).is_zero()));
        assert_eq!(throttle.take(5, start), Duration::from_millis(500));
        assert_eq!(throttle.take(5, at(1)), Duration::ZERO);
        assert_eq!(throttle.take(20, at(1)), Duration::from_secs(2));
        // A pause refills the bucket, and no more than that.
        assert_eq!(throttle.take(100, at(1_000)), Duration::ZERO);
        assert_eq!(throttle.take(10, at(1_000)), Duration::from_secs(1));
    }

    #[test]
    fn a_caller_that_waits_as_told_keeps_the_rate() {
        let start = Instant::now();
        let mut throttle = Throttle::new(50, 20, start);
        let mut now = start;
        for _ in 0..1_050 {
            now += throttle.take(1, now);
        }
        // A burst of 50, and 1,000 at 20 per second.
        let took = (now - start).as_secs_f64();
        assert!((49.9..=50.1).contains(&took), "{took}");
    }
}
