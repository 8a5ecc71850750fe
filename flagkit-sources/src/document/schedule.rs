//! Keys that people write for a schedule, such as `start_at` and `cron`.
//!
//! Other tools turn flags on at a time. Here only a change of the document does, so such a key gets an answer of its
//! own instead of "unknown key". The words are in lower case, without separators between them.

/// Words that stand for a schedule by themselves.
const WORDS: &str = "after at before cron crontab end ends from schedule scheduled schedules start starts timer until";

/// Words for an event. Followed by one of [`TIMES`], they are keys for a schedule as well: `start_at`, `enabled-since`.
const EVENTS: &str = "activate activated active activation deactivate disable disabled enable enabled end ends golive \
                      launch live off on release released rollout start starts turnoff turnon valid";

/// Words for the time of an event, such as `at` in `start_at`.
const TIMES: &str = "after at before by date from since time until";

/// One letter more than the longest event and the longest time have together, so that a longer key matches nothing.
const MAX_LETTERS: usize = 17;

/// Returns whether a key is one that people write for a schedule.
///
/// Case and separators do not matter: `startAt`, `start_at` and `START-AT` are the same key.
pub(super) fn is_schedule(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' '));
    let joined: String = letters.map(|c| c.to_ascii_lowercase()).take(MAX_LETTERS).collect();
    let has = |words: &str, word: &str| words.split(' ').any(|known| known == word);
    let is_event = |event: &str| joined.strip_prefix(event).is_some_and(|time| has(TIMES, time));
    has(WORDS, &joined) || EVENTS.split(' ').any(is_event)
}
