//! `posthog-rs`: its local evaluation, with given definitions instead of fetched ones, and without events.

use std::collections::HashMap;
use std::sync::Arc;

use benches::works::{COUNTRIES, SUFFIX, targeting::User};
use posthog_rs::{FlagCache, FlagValue, LocalEvaluator};
use serde_json::{Value, json};

use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct PostHog(Arc<LocalEvaluator>);

/// A distinct id, and the properties of a person.
pub(crate) struct Context {
    id: String,
    properties: HashMap<String, Value>,
}

fn group(properties: &Value, percent: u32) -> Value {
    json!({ "properties": properties, "rollout_percentage": f64::from(percent), "variant": null })
}

fn flag(key: &str, active: bool, groups: &Value, multivariate: &Value) -> Value {
    json!({ "key": key, "active": active, "filters": { "groups": groups, "multivariate": multivariate } })
}

impl PostHog {
    fn evaluate(&self, key: &str, context: &Context) -> Option<FlagValue> {
        let (groups, of_groups) = (HashMap::new(), HashMap::new());
        self.0.evaluate_flag(key, &context.id, &context.properties, &groups, &of_groups).ok().flatten()
    }
}

impl Peer for PostHog {
    const NAME: &'static str = "posthog-rs 0.30";
    type Context = Context;

    fn document(others: usize) -> String {
        let everybody = json!([group(&json!([]), 100)]);
        let only = |key: &str, operator: &str, value: Value| {
            group(&json!([{ "key": key, "operator": operator, "value": value, "type": "person" }]), 100)
        };
        let targeting = json!([
            only("country", "exact", json!(COUNTRIES)),
            only("email", "ends_with", json!(SUFFIX)),
            group(&json!([]), 20),
        ]);
        let quarters = ["a", "b", "c", "d"].map(|name| json!({ "key": name, "rollout_percentage": 25.0 }));
        let asked = [
            flag("boolean", true, &everybody, &Value::Null),
            flag("dark", false, &everybody, &Value::Null),
            flag("percentage", true, &json!([group(&json!([]), 50)]), &Value::Null),
            flag("targeting", true, &targeting, &Value::Null),
            flag("variant", true, &everybody, &json!({ "variants": quarters })),
        ];
        let others =
            (0..others).map(|index| flag(&format!("feature-{index}"), index % 2 == 0, &everybody, &Value::Null));
        let flags: Vec<Value> = asked.into_iter().chain(others).collect();
        json!({ "flags": flags, "property_matching_version": 2 }).to_string()
    }

    fn load(document: &str) -> Self {
        let cache = FlagCache::new();
        cache.update(serde_json::from_str(document).expect("definitions as the service sends them"));
        Self(Arc::new(LocalEvaluator::new(cache)))
    }

    fn context(&self, user: &User) -> Context {
        let fields = [("country", &user.country), ("email", &user.email)];
        let properties = fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value.clone())));
        Context { id: user.id.clone(), properties: properties.collect() }
    }

    fn is_on(&self, flag: &str, context: &Context) -> bool {
        self.evaluate(flag, context) == Some(FlagValue::Boolean(true))
    }

    fn variant(&self, context: &Context) -> String {
        match self.evaluate("variant", context) {
            Some(FlagValue::String(variant)) => variant,
            _ => String::new(),
        }
    }
}
