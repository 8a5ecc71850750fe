//! The report for operators: every flag and every source, as JSON.

use std::collections::BTreeSet;
use std::time::SystemTime;

use axum::Json;
use flagkit_core::source::Stage;
use flagkit_core::tooling::SourceStatus;
use flagkit_core::{Flag, Flags, Percent, Snapshot};
use serde_json::{Value, json};

/// The flags that the shop reads. They are listed even when the file does not declare them.
pub(crate) const READ_FLAGS: [&str; 5] = ["beta-ui", "new-checkout", "price-in-cents", "search-v2", "theme"];

/// Returns every flag with its answer and reason, and every source with its state.
pub(crate) fn report(flags: &Flags) -> Json<Value> {
    let snapshot = flags.snapshot();
    let keys: BTreeSet<&str> = snapshot.keys().map(AsRef::as_ref).chain(READ_FLAGS).collect();
    Json(json!({
        "revision": snapshot.revision(),
        "flags": keys.into_iter().map(|key| flag(&snapshot, key)).collect::<Vec<_>>(),
        "sources": flags.status().sources.iter().map(source).collect::<Vec<_>>(),
    }))
}

fn flag(snapshot: &Snapshot, key: &str) -> Value {
    let explanation = snapshot.explain(key, &());
    let evaluation = explanation.evaluation();
    let declared = snapshot.flag(key);
    let has_rules = |flag: &Flag| !flag.rules().is_empty() || !flag.prerequisites().is_empty();
    let targeted = declared.is_some_and(|flag| flag.is_enabled() && has_rules(flag));
    let partial = declared.filter(|flag| !targeted && flag.is_enabled() && flag.rollout() < Percent::HUNDRED);
    let stage = declared.and_then(Flag::stage).map(Stage::as_str);
    let metadata = declared.and_then(|flag| flag.metadata());
    json!({
        "key": key,
        "stage": stage,
        "answer": match partial {
            _ if stage.is_some() => json!(stage),
            _ if targeted => json!("by rules"),
            Some(flag) => json!(flag.rollout().to_string()),
            None => json!(evaluation.is_on()),
        },
        "reason": match partial {
            _ if targeted => format!("see /explain/{key}?user=…"),
            Some(flag) => format!("on for {} of all subjects", flag.rollout()),
            None => evaluation.reason().to_string(),
        },
        "refusal": explanation.refusal(),
        "variants": declared.and_then(|flag| flag.variants()).map(|variants| {
            variants.iter().map(|variant| variant.name().to_owned()).collect::<Vec<_>>()
        }),
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
        "failures": status.failures,
    })
}
