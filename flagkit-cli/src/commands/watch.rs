//! `watch`: a line of JSON for each accepted change and each error.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use flagkit_core::tooling::Effect;
use flagkit_core::{Event, FlagKey, Snapshot};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::Sources;
use crate::difference::Difference;
use crate::report::{Exit, Failure, Report, Result};
use crate::sources;

pub(crate) fn run(file: &Path, from: &Sources, lines: Option<u64>) -> Result {
    let guard = sources::start(from, file)?;
    let (sender, events) = mpsc::channel();
    let flags = guard.flags().clone();
    let subscription = flags.subscribe({
        let flags = flags.clone();
        move |event| {
            // The snapshot may be newer than the event. Then the event of the newer snapshot follows.
            let _ = sender.send((event.clone(), flags.snapshot()));
        }
    });
    let mut before = flags.snapshot();
    let ready =
        json!({ "event": "ready", "revision": before.revision(), "flags": before.keys().count(), "time": now() });
    print(&ready)?;
    let mut remaining = lines.unwrap_or(u64::MAX).saturating_sub(1);
    while remaining > 0 {
        let Ok((event, after)) = events.recv_timeout(Duration::from_secs(3600)) else { continue };
        if let Some(line) = line(&event, &before, &after) {
            print(&line)?;
            remaining -= 1;
        }
        before = after;
    }
    drop(subscription);
    drop(guard);
    // The lines above are the output.
    Ok(Report::new(String::new(), json!({ "lines": lines })))
}

/// The JSON of an event.
fn line(event: &Event, before: &Snapshot, after: &Snapshot) -> Option<Value> {
    match event {
        Event::Changed(change) => {
            let effects = before.effects(after);
            // If a prerequisite changed, the flag has another audience and the same declaration.
            let keys: BTreeSet<&FlagKey> = change.keys.iter().chain(effects.keys()).collect();
            let keys = keys.into_iter().map(|key| {
                let sides = [before, after].map(|snapshot| snapshot.flag(key.as_str()));
                let effect = effects.get(key).copied().unwrap_or(Effect::Neutral);
                Difference::new(key, effect, sides).to_json()
            });
            let keys: Vec<Value> = keys.collect();
            Some(json!({
                "event": "changed", "revision": change.revision, "source": change.layer.as_str(),
                "keys": keys, "time": now(),
            }))
        }
        Event::LoadFailed(failure) => {
            let problems: Vec<String> = failure.problems.iter().map(ToString::to_string).collect();
            let error = failure.error.as_ref().map(ToString::to_string);
            Some(json!({
                "event": "load-failed", "source": failure.layer.as_str(),
                "error": error, "problems": problems, "time": now(),
            }))
        }
        Event::StateChanged(change) => Some(json!({
            "event": "state-changed", "source": change.layer.as_str(),
            "from": change.from.as_str(), "to": change.to.as_str(), "time": now(),
        })),
        Event::WarningsChanged(change) => Some(json!({
            "event": "warnings-changed", "source": change.layer.as_str(),
            "warnings": change.warnings.to_vec(), "time": now(),
        })),
        _ => None,
    }
}

fn now() -> String {
    Timestamp::now().to_string()
}

fn print(line: &Value) -> Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{line}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(Exit::Done as i32),
        other => other.map_err(|error| Failure::io(error.to_string())),
    }
}
