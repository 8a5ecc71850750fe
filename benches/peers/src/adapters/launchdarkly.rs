//! `launchdarkly-server-sdk-evaluation`: only the engine, without its client (which clones the flag for each
//! evaluation and queues an event). The flag is looked up by reference.

use std::collections::HashMap;
use std::sync::Arc;

use benches::works::{COUNTRIES, SUFFIX, targeting::User};
use launchdarkly_server_sdk_evaluation::{Context, ContextBuilder, Flag, FlagValue, Segment, Store, evaluate};
use serde_json::{Value, json};

use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct Evaluation(Arc<HashMap<String, Flag>>);

struct Nothing;

impl Store for Nothing {
    fn flag(&self, _: &str) -> Option<Flag> {
        None
    }

    fn segment(&self, _: &str) -> Option<Segment> {
        None
    }
}

fn flag(key: &str, on: bool, rules: &Value, fallthrough: &Value, variations: &Value) -> (String, Value) {
    let flag = json!({
        "key": key, "version": 1, "on": on, "salt": key, "targets": [], "prerequisites": [],
        "trackEvents": false, "clientSide": false, "rules": rules, "fallthrough": fallthrough, "offVariation": 0, "variations": variations,
    });
    (key.to_owned(), flag)
}

fn rollout(weights: &[u32]) -> Value {
    let variations: Vec<Value> = weights
        .iter()
        .enumerate()
        .map(|(variation, weight)| json!({ "variation": variation, "weight": weight }))
        .collect();
    json!({ "rollout": { "variations": variations } })
}

impl Peer for Evaluation {
    const NAME: &'static str = "launchdarkly-server-sdk-evaluation 2.2";
    type Context = Context;

    fn document(others: usize) -> String {
        let (none, bools) = (json!([]), json!([false, true]));
        let clause = |attribute: &str, op: &str, values: Value| json!({ "clauses": [{ "attribute": attribute, "op": op, "values": values, "negate": false }], "variation": 1, "id": attribute, "trackEvents": false });
        let rules = json!([clause("country", "in", json!(COUNTRIES)), clause("email", "endsWith", json!([SUFFIX]))]);
        let on = json!({ "variation": 1 });
        let asked = [
            flag("boolean", true, &none, &on, &bools),
            flag("dark", false, &none, &on, &bools),
            flag("percentage", true, &none, &rollout(&[50_000, 50_000]), &bools),
            flag("targeting", true, &rules, &rollout(&[80_000, 20_000]), &bools),
            flag("variant", true, &none, &rollout(&[25_000; 4]), &json!(["a", "b", "c", "d"])),
        ];
        let others = (0..others).map(|index| flag(&format!("feature-{index}"), index % 2 == 0, &none, &on, &bools));
        Value::Object(asked.into_iter().chain(others).collect()).to_string()
    }

    fn load(document: &str) -> Self {
        Self(Arc::new(serde_json::from_str(document).expect("flags as the service sends them")))
    }

    fn context(&self, user: &User) -> Context {
        let mut builder = ContextBuilder::new(user.id.as_str());
        builder.set_string("country", user.country.as_str()).set_string("email", user.email.as_str());
        builder.build().expect("a good context")
    }

    fn is_on(&self, flag: &str, context: &Context) -> bool {
        let detail = evaluate(&Nothing, &self.0[flag], context, None);
        matches!(detail.value, Some(FlagValue::Bool(true)))
    }

    fn variant(&self, context: &Context) -> String {
        match evaluate(&Nothing, &self.0["variant"], context, None).value {
            Some(FlagValue::Str(variant)) => variant.clone(),
            _ => String::new(),
        }
    }
}
