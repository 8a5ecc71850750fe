//! Reports a start that leaves flags dark.
//!
//! # The problem
//!
//! By default a program starts without its flag file, and its flags are dark until the file exists. If the path is
//! wrong, or the program runs in another directory, that is for ever, and a program without logs gives no sign of it.
//!
//! # How it works
//!
//! At the end of a start, each source that has not loaded is reported, unless it is optional:
//!
//! - as an event, if the feature `tracing` is on and the thread has a subscriber;
//! - else as a line on standard error, once per process, unless [`Builder::quiet`](crate::Builder::quiet) is set.
//!
//! A program with a subscriber therefore finds the report in its logs and nowhere else. A program that has not decided
//! about logs yet shows it where its author looks first.
//!
//! # Limits
//!
//! A subscriber that is set after the start is not found, and neither is a logger of the crate `log`.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use flagkit_core::source::{OnFailedStart, StartPolicy};
use flagkit_core::tooling::SourceStatus;

/// Where a report may go if there is no `tracing` subscriber. [`Builder::quiet`](crate::Builder::quiet) sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    StandardError,
    Nowhere,
}

/// Whether this process has written to standard error. Once is enough: a server may start sources for each tenant.
static HAS_WRITTEN: AtomicBool = AtomicBool::new(false);

/// Reports each source that has not loaded and is not optional. The sources and the policies are in the same order.
pub(crate) fn report(sources: &[SourceStatus], policies: &[StartPolicy], fallback: Fallback) {
    let dark: Vec<&SourceStatus> = sources
        .iter()
        .zip(policies)
        .filter(|(source, policy)| is_dark(source, **policy))
        .map(|(source, _)| source)
        .collect();
    if dark.is_empty() || emit(&dark) || fallback == Fallback::Nowhere || HAS_WRITTEN.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut standard_error = io::stderr().lock();
    for source in dark {
        // A closed standard error is no reason to fail.
        let _ = writeln!(standard_error, "flagkit: {}: {}; {CONSEQUENCE}", source.provenance, reason(source));
    }
}

const CONSEQUENCE: &str = "flags stay off until it loads";

/// Returns whether the source has not loaded, although the layers below depend on it.
fn is_dark(source: &SourceStatus, policy: StartPolicy) -> bool {
    let is_optional = match &source.last_error {
        Some(error) => policy.on(error.kind()) == OnFailedStart::Skip,
        None => policy == StartPolicy::all(OnFailedStart::Skip),
    };
    source.loads == 0 && !is_optional
}

/// Returns the first line of the error, or that there is neither a load nor an error yet.
fn reason(source: &SourceStatus) -> String {
    let error = source.last_error.as_ref().map(ToString::to_string);
    let first_line = error.as_deref().and_then(|error| error.lines().next());
    first_line.unwrap_or("it has not loaded within the startup timeout").to_owned()
}

/// Emits an event for each source, and returns whether there is a subscriber.
#[cfg(feature = "tracing")]
fn emit(dark: &[&SourceStatus]) -> bool {
    let has_subscriber =
        ::tracing::dispatcher::get_default(|dispatch| !dispatch.is::<::tracing::subscriber::NoSubscriber>());
    for source in dark.iter().filter(|_| has_subscriber) {
        ::tracing::warn!(target: "flagkit", layer = %source.provenance, error = reason(source), "{CONSEQUENCE}");
    }
    has_subscriber
}

#[cfg(not(feature = "tracing"))]
fn emit(_: &[&SourceStatus]) -> bool {
    false
}
