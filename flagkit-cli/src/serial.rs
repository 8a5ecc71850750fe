//! Serials of approvals: seconds since 1970, or one more than the last known serial.
//!
//! Text without a signature must not choose a serial: after a huge one, no later release could have a greater one.

use jiff::Timestamp;

/// How far a serial may be beyond the present time, in seconds.
const MAX_AHEAD: i64 = 24 * 60 * 60;

/// Returns the greatest serial that can be valid now. It is the present time plus one day.
pub(crate) fn greatest() -> u64 {
    u64::try_from(Timestamp::now().as_second().saturating_add(MAX_AHEAD)).unwrap_or_default()
}

/// Returns the serial after the last known one. `None`: it would be beyond the greatest.
pub(crate) fn next(last: Option<u64>) -> Option<u64> {
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    let next = last.map_or(Some(now), |last| last.checked_add(1))?.max(now);
    (next <= greatest()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_the_time_or_follows_the_last_one() {
        let first = next(None).expect("a serial");
        assert!(next(Some(7)).is_some_and(|serial| serial >= first));
        assert_eq!(next(Some(first + 60)), Some(first + 61));
        for last in [greatest() + 10, u64::MAX - 1, u64::MAX] {
            assert_eq!(next(Some(last)), None);
        }
    }
}
