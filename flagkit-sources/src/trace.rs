//! What happens to the flags, as events of `tracing`.
//!
//! Each is told once: an error that lasts is not an event at every look.

use flagkit_core::tooling::SourceState;
use flagkit_core::{Event, FlagKey, Flags, Subscription};

/// Has everything told that subscribers are told, under the target `flagkit`.
pub(crate) fn subscribe(flags: &Flags) -> Subscription {
    flags.subscribe(|event| match event {
        Event::Changed(change) => {
            let keys: Vec<&str> = change.keys.iter().take(MOST).map(FlagKey::as_str).collect();
            tracing::info!(
                target: "flagkit",
                layer = %change.layer,
                revision = change.revision,
                changed = change.keys.len(),
                keys = keys.join(" "),
                "flags have changed"
            );
        }
        Event::LoadFailed(fault) => {
            if let Some(error) = &fault.error {
                tracing::warn!(target: "flagkit", layer = %fault.layer, %error, "flags cannot be loaded");
            }
            for problem in fault.problems.iter().take(MOST) {
                tracing::warn!(target: "flagkit", layer = %fault.layer, %problem, "a flag has a problem");
            }
        }
        Event::StateChanged(turn) if turn.to == SourceState::Fresh => {
            tracing::info!(target: "flagkit", layer = %turn.layer, from = turn.from.as_str(), "the source is well");
        }
        Event::StateChanged(turn) => {
            let (from, to) = (turn.from.as_str(), turn.to.as_str());
            tracing::warn!(target: "flagkit", layer = %turn.layer, from, to, "the source is not well");
        }
        Event::WarningsChanged(warning) => {
            for warned in &*warning.warnings {
                tracing::warn!(target: "flagkit", layer = %warning.layer, "the source {warned}");
            }
        }
        _ => {}
    })
}

/// How many keys and problems are told of at once.
const MOST: usize = 20;
