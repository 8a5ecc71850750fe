//! What operators see.

use std::collections::BTreeSet;
use std::time::SystemTime;

use axum::Json;
use flagkit_core::{Flags, Percent, Snapshot, SourceStatus};
use serde_json::{Value, json};

/// The flags that the code of the shop asks for: listed also while nobody declares them.
const ASKED: [&str; 2] = ["new-checkout", "search-v2"];

/// Every flag with its answer and reason, every source with its state.
pub(crate) fn report(flags: &Flags) -> Json<Value> {
    let snapshot = flags.snapshot();
    let keys: BTreeSet<&str> = snapshot.keys().map(AsRef::as_ref).chain(ASKED).collect();
    Json(json!({
        "revision": snapshot.revision(),
        "flags": keys.into_iter().map(|key| flag(&snapshot, key)).collect::<Vec<_>>(),
        "sources": flags.status().sources.iter().map(source).collect::<Vec<_>>(),
    }))
}

fn flag(snapshot: &Snapshot, key: &str) -> Value {
    let evaluation = snapshot.evaluate(key, &());
    let declared = snapshot.flag(key);
    let partial = declared.filter(|flag| flag.is_switched_on() && flag.rollout() < Percent::HUNDRED);
    let metadata = declared.and_then(|flag| flag.metadata());
    json!({
        "key": key,
        "answer": match partial {
            Some(flag) => json!(flag.rollout().to_string()),
            None => json!(evaluation.is_on()),
        },
        "reason": match partial {
            Some(flag) => format!("on for {} of all subjects", flag.rollout()),
            None => evaluation.reason().to_string(),
        },
        "layer": evaluation.layer().map(ToString::to_string),
        "revision": evaluation.revision(),
        "description": metadata.and_then(|metadata| metadata.description.as_deref()),
        "owner": metadata.and_then(|metadata| metadata.owner.as_deref()),
    })
}

fn source(status: &SourceStatus) -> Value {
    let age = status.last_good.and_then(|time| SystemTime::now().duration_since(time).ok());
    json!({
        "source": status.provenance.to_string(),
        "state": status.state.as_str(),
        "flags": status.flags,
        "last_good_seconds_ago": age.map(|age| age.as_secs_f64()),
        "last_error": status.last_error.as_ref().map(ToString::to_string),
        "problems": status.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "loads": status.loads,
        "refusals": status.refusals,
    })
}
