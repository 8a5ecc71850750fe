//! Short constructors, an event log and a test clock.

use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use flagkit_core::source::{LoadError, Provenance, Publisher};
use flagkit_core::tooling::SourceStatus;
use flagkit_core::{Event, Flag, FlagKey, FlagSet, Flags, Percent, Subscription};

pub(crate) fn key(text: &str) -> FlagKey {
    FlagKey::new(text).expect("a key")
}

pub(crate) fn percent(text: &str) -> Percent {
    text.parse().expect("a percentage")
}

pub(crate) fn flag_set<const N: usize>(flags: [(&str, Flag); N]) -> FlagSet {
    flags.into_iter().map(|(text, flag)| (key(text), flag)).collect()
}

/// Returns a set with `a` as the only flag.
pub(crate) fn only_a(flag: Flag) -> FlagSet {
    flag_set([("a", flag)])
}

/// Flags that never change.
pub(crate) fn fixed<const N: usize>(flags: [(&str, Flag); N]) -> Flags {
    Flags::fixed(flag_set(flags))
}

/// Empty layers, the lowest first.
pub(crate) fn layers<const N: usize>(names: [&str; N]) -> (Flags, [Publisher; N]) {
    let flags = Flags::new();
    let publishers = names.map(|name| flags.add_layer(Provenance::new(name)));
    (flags, publishers)
}

/// The status of one source, by the position of its layer.
pub(crate) fn source(flags: &Flags, index: usize) -> SourceStatus {
    flags.status().sources.swap_remove(index)
}

pub(crate) fn only_source(flags: &Flags) -> SourceStatus {
    assert_eq!(flags.status().sources.len(), 1);
    source(flags, 0)
}

pub(crate) fn last_error(flags: &Flags) -> Option<String> {
    only_source(flags).last_error.map(|error| error.to_string())
}

/// The error of a source that cannot load.
pub(crate) fn unavailable() -> LoadError {
    LoadError::new("unavailable")
}

/// The events of a handle, one line each.
pub(crate) struct EventLog {
    lines: mpsc::Receiver<String>,
    _subscription: Subscription,
}

impl EventLog {
    pub(crate) fn new(flags: &Flags) -> Self {
        let (sender, lines) = mpsc::channel();
        let subscription = flags.subscribe(move |event| {
            let line = match event {
                Event::Changed(change) => format!("changed: {}", change.revision),
                Event::LoadFailed(failure) => {
                    let error = failure.error.iter().map(ToString::to_string);
                    let problems = failure.problems.iter().map(|problem| problem.path().to_owned());
                    format!("load failed: {}", error.chain(problems).collect::<Vec<_>>().join(", "))
                }
                Event::StateChanged(change) => format!("state: {} to {}", change.from.as_str(), change.to.as_str()),
                Event::WarningsChanged(change) => format!("warnings: {}", change.warnings.join(", ")),
                _ => "something else".to_owned(),
            };
            sender.send(line).expect("the test listens");
        });
        Self { lines, _subscription: subscription }
    }

    /// Removes and returns the lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

/// The time that a test clock shows after so many seconds.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A clock of its own for one test: a closure that sets it, and the function that a publisher takes.
macro_rules! clock {
    () => {{
        use std::sync::atomic::{AtomicU64, Ordering};

        static SECONDS: AtomicU64 = AtomicU64::new(0);
        fn now() -> std::time::SystemTime {
            $crate::support::at(SECONDS.load(Ordering::SeqCst))
        }
        (|seconds| SECONDS.store(seconds, Ordering::SeqCst), now)
    }};
}
pub(crate) use clock;
