//! `flagsmith-flag-engine`: evaluates all flags of an identity at once, as its client does. Its context is the
//! environment plus the identity; the environment is cloned for each identity.

use std::sync::Arc;

use benches::works::{COUNTRIES, targeting::User};
use flagsmith_flag_engine::engine::get_evaluation_result;
use flagsmith_flag_engine::engine_eval::{EngineEvaluationContext, add_identity_to_context};
use flagsmith_flag_engine::identities::Trait;
use flagsmith_flag_engine::types::{FlagsmithValue, FlagsmithValueType};
use serde_json::{Map, Value, json};

use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct Flagsmith(Arc<EngineEvaluationContext>);

fn feature(name: &str, enabled: bool, variants: &Value) -> (String, Value) {
    (name.to_owned(), json!({ "key": name, "name": name, "enabled": enabled, "value": null, "variants": variants }))
}

/// Turns on the flag of the same name for identities that match any of the conditions.
fn segment(name: &str, conditions: &Value) -> (String, Value) {
    let rules = json!([{ "type": "ALL", "rules": [{ "type": "ANY", "conditions": conditions }] }]);
    let on = json!({ "key": name, "name": name, "enabled": true, "value": null, "priority": 1.0 });
    (name.to_owned(), json!({ "key": name, "name": name, "rules": rules, "overrides": [on] }))
}

fn split(percent: u32) -> Value {
    json!({ "operator": "PERCENTAGE_SPLIT", "property": "", "value": percent.to_string() })
}

impl Peer for Flagsmith {
    const NAME: &'static str = "flagsmith-flag-engine 0.7";
    type Context = EngineEvaluationContext;

    fn document(others: usize) -> String {
        let none = json!([]);
        let quarter = |(priority, name)| json!({ "key": name, "value": name, "weight": 25.0, "priority": priority });
        let quarters: Vec<Value> = ["a", "b", "c", "d"].into_iter().enumerate().map(quarter).collect();
        let asked = [
            feature("boolean", true, &none),
            feature("dark", false, &none),
            feature("percentage", false, &none),
            feature("targeting", false, &none),
            feature("variant", true, &json!(quarters)),
        ];
        let others = (0..others).map(|index| feature(&format!("feature-{index}"), index % 2 == 0, &none));
        let features: Map<String, Value> = asked.into_iter().chain(others).collect();
        let conditions = json!([
            { "operator": "IN", "property": "country", "value": COUNTRIES },
            { "operator": "REGEX", "property": "email", "value": "@example\\.com$" },
            split(20),
        ]);
        let segments = [segment("percentage", &json!([split(50)])), segment("targeting", &conditions)];
        let segments: Map<String, Value> = segments.into_iter().collect();
        let environment = json!({ "key": "bench", "name": "bench" });
        json!({ "environment": environment, "features": features, "segments": segments }).to_string()
    }

    fn load(document: &str) -> Self {
        Self(Arc::new(serde_json::from_str(document).expect("an environment")))
    }

    fn context(&self, user: &User) -> EngineEvaluationContext {
        let fields = [("country", &user.country), ("email", &user.email)].map(|(name, value)| Trait {
            trait_key: name.to_owned(),
            trait_value: FlagsmithValue { value_type: FlagsmithValueType::String, value: value.clone() },
        });
        add_identity_to_context(&self.0, &user.id, &fields)
    }

    fn is_on(&self, flag: &str, context: &EngineEvaluationContext) -> bool {
        get_evaluation_result(context).flags.get(flag).is_some_and(|flag| flag.enabled)
    }

    fn variant(&self, context: &EngineEvaluationContext) -> String {
        let result = get_evaluation_result(context);
        result.flags.get("variant").and_then(|flag| flag.variant.clone()).unwrap_or_default()
    }
}
