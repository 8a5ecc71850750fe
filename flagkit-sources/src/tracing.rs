//! Emits what happens to the flags as events of the crate `tracing`.
//!
//! The [`Guard`](crate::Guard) subscribes when it starts, and unsubscribes when it is dropped. All events have the
//! target `flagkit`, so that one directive of a filter selects them.
//!
//! | what happened | level | fields |
//! |---|---|---|
//! | a source changed flags | info | `layer`, `revision`, `changed`, and `keys` with the first 20 |
//! | a load failed | warn | `layer`, `error` |
//! | a flag has a problem | warn | `layer`, `problem` |
//! | a source is up to date again, or no longer | info, warn | `layer`, `from`, `to` |
//! | a source has a new warning | warn | `layer` |
//! | a second write of a migration was lost | warn | `key`, `stage`, `side`, `cause` |
//!
//! An error that persists is one event, however many checks find it. The core repeats it every five minutes.
//!
//! Values of subjects never appear here, and neither do the secrets of a source: messages of errors contain neither.

use flagkit_core::tooling::SourceState;
use flagkit_core::{Event, FlagKey, Flags, Subscription};

/// Emits every subscriber event as a `tracing` event with the target `flagkit`.
///
/// The events are emitted on the thread of the source that caused them, after the flags have changed. Without a
/// `tracing` subscriber they cost a comparison each.
pub(crate) fn subscribe(flags: &Flags) -> Subscription {
    flags.subscribe(|event| match event {
        Event::Changed(change) => {
            let keys: Vec<&str> = change.keys.iter().take(MAX_ITEMS).map(FlagKey::as_str).collect();
            ::tracing::info!(
                target: "flagkit",
                layer = %change.layer,
                revision = change.revision,
                changed = change.keys.len(),
                keys = keys.join(" "),
                "flags changed"
            );
        }
        Event::LoadFailed(failure) => {
            if let Some(error) = &failure.error {
                ::tracing::warn!(target: "flagkit", layer = %failure.layer, %error, "cannot load flags");
            }
            for problem in failure.problems.iter().take(MAX_ITEMS) {
                ::tracing::warn!(target: "flagkit", layer = %failure.layer, %problem, "a flag has a problem");
            }
        }
        Event::StateChanged(change) if change.to == SourceState::Fresh => {
            let from = change.from.as_str();
            ::tracing::info!(target: "flagkit", layer = %change.layer, from, "the source is up to date");
        }
        Event::StateChanged(change) => {
            let (from, to) = (change.from.as_str(), change.to.as_str());
            ::tracing::warn!(target: "flagkit", layer = %change.layer, from, to, "the source is not up to date");
        }
        Event::WarningsChanged(warning) => {
            for message in &*warning.warnings {
                ::tracing::warn!(target: "flagkit", layer = %warning.layer, "warning of the source: {message}");
            }
        }
        Event::SecondWriteLost(loss) => {
            let (stage, side, cause) = (loss.stage.as_str(), loss.side.as_str(), loss.cause.as_str());
            ::tracing::warn!(target: "flagkit", key = loss.key, stage, side, cause, "a second write was lost");
        }
        _ => {}
    })
}

/// The most keys and problems that one change emits.
///
/// A first load may change thousands of keys, and a line of a log should stay readable.
const MAX_ITEMS: usize = 20;
