//! Warns of environment variables that override no flag.
//!
//! # The problem
//!
//! An operator sets `FLAG_NEW_CHEKOUT=off` and restarts the process. The flag is `new-checkout`, so it stays on. The
//! variable is valid, because it may override a flag that a later version of the program declares.
//!
//! # How it works
//!
//! The merge knows which environment keys match no declared key. After each change, and at the end of the start, the
//! layer of the variables gets a warning for each of them, with the most similar variable that would have an effect.
//! The warning is in the status of the source, and subscribers receive it as an event.
//!
//! # Limits
//!
//! Where no flag is declared there is nothing to compare with, so there are no warnings: a program without a file may
//! get its flags from variables only. There are none either until every source has loaded, unless it is optional.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flagkit_core::source::{EnvKey, OnFailedStart, Provenance, Publisher, StartPolicy};
use flagkit_core::{Event, Flags, Snapshot, Subscription};

use crate::document::tree::nearest;

/// The layers of environment variables, and the warnings that they have.
///
/// [`Builder::start`](crate::Builder::start) creates one. The subscription that it returns belongs to the
/// [`Guard`](crate::Guard), which ends it.
pub(crate) struct Overrides {
    flags: Flags,
    /// One per source, in the order of the layers.
    policies: Vec<StartPolicy>,
    layers: Vec<EnvLayer>,
}

/// One layer of environment variables.
///
/// Its publisher is the one of the source. An [`Env`](crate::Env) sets no warnings by itself.
struct EnvLayer {
    provenance: Provenance,
    publisher: Arc<Publisher>,
    /// The variables that the warnings are about.
    reported: Mutex<BTreeSet<EnvKey>>,
}

/// The number of variables that have a warning of their own.
const MAX_WARNINGS: usize = 20;
/// The number of variables for which a similar one is searched among all flags.
const MAX_SUGGESTIONS: usize = 5;
/// The scheme of the provenance of an [`Env`](crate::Env), before its prefix.
const SCHEME: &str = "env:";

impl Overrides {
    /// Returns the warnings of these sources; `None` if none of them reads variables with a prefix.
    ///
    /// Without a prefix every variable of the process is an override, and most are not meant as one.
    pub(crate) fn new(
        flags: Flags,
        policies: Vec<StartPolicy>,
        sources: Vec<(Provenance, Arc<Publisher>)>,
    ) -> Option<Self> {
        let has_prefix =
            |provenance: &Provenance| provenance.as_str().strip_prefix(SCHEME).is_some_and(|p| !p.is_empty());
        let layers: Vec<_> = sources
            .into_iter()
            .filter(|(provenance, _)| has_prefix(provenance))
            .map(|(provenance, publisher)| EnvLayer { provenance, publisher, reported: Mutex::default() })
            .collect();
        (!layers.is_empty()).then_some(Self { flags, policies, layers })
    }

    /// Sets the warnings now and after each change.
    pub(crate) fn watch(self) -> Subscription {
        let overrides = Arc::new(self);
        let watched = Arc::clone(&overrides);
        let subscription = overrides.flags.subscribe(move |event| {
            if matches!(event, Event::Changed(_) | Event::StateChanged(_)) {
                watched.refresh();
            }
        });
        overrides.refresh();
        subscription
    }

    /// Sets the warnings of each layer with other undeclared keys than the last time.
    fn refresh(&self) {
        let snapshot = self.flags.snapshot();
        for layer in &self.layers {
            let undeclared = layer.undeclared(&snapshot);
            if *layer.reported() != undeclared && self.are_loaded() {
                layer.report(undeclared, &snapshot);
            }
        }
    }

    /// Returns whether each source has loaded once, or is optional.
    fn are_loaded(&self) -> bool {
        self.flags.status().sources.iter().zip(&self.policies).all(|(source, policy)| {
            let is_optional = |kind| policy.on(kind) == OnFailedStart::Skip;
            source.loads > 0 || source.last_error.as_ref().is_some_and(|error| is_optional(error.kind()))
        })
    }
}

impl EnvLayer {
    /// Ignores poisoning, because no code under this lock panics halfway through a change.
    fn reported(&self) -> MutexGuard<'_, BTreeSet<EnvKey>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the keys of this layer that match no declared key, if there are declared keys.
    fn undeclared(&self, snapshot: &Snapshot) -> BTreeSet<EnvKey> {
        let is_own = |provenance: &Provenance| snapshot.keys().next().is_some() && *provenance == self.provenance;
        snapshot.undeclared_env_keys().filter(|(_, layer)| is_own(layer)).map(|(key, _)| key.clone()).collect()
    }

    /// Sets the warnings about these keys.
    ///
    /// No lock is held meanwhile, because subscribers run. If another thread reports other keys at the same time, both
    /// end with the later ones.
    fn report(&self, undeclared: BTreeSet<EnvKey>, snapshot: &Snapshot) {
        self.reported().clone_from(&undeclared);
        let mut keys = undeclared;
        loop {
            self.publisher.set_warnings(self.warnings(&keys, snapshot));
            let latest = self.reported().clone();
            if latest == keys {
                return;
            }
            keys = latest;
        }
    }

    /// Returns the warnings about these keys: one for each, but not too many.
    ///
    /// A search for a similar key compares it with all flags, so only the first few have a suggestion.
    fn warnings(&self, undeclared: &BTreeSet<EnvKey>, snapshot: &Snapshot) -> Vec<String> {
        let prefix = self.provenance.as_str().strip_prefix(SCHEME).unwrap_or_default();
        let known: Vec<EnvKey> =
            if undeclared.is_empty() { Vec::new() } else { snapshot.keys().map(EnvKey::from_key).collect() };
        let mut warnings = Vec::new();
        for (index, key) in undeclared.iter().take(MAX_WARNINGS).enumerate() {
            let similar = (index < MAX_SUGGESTIONS).then(|| nearest(key.as_str(), known.iter().map(EnvKey::as_str)));
            let help = similar.flatten().map(|similar| format!("; did you mean {prefix}{similar}?"));
            warnings.push(format!("{prefix}{key} overrides no declared flag{}", help.unwrap_or_default()));
        }
        let more = undeclared.len().saturating_sub(MAX_WARNINGS);
        if more > 0 {
            warnings.push(format!("{more} more variables override no declared flag"));
        }
        warnings
    }
}
