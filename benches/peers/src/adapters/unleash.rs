//! `unleash-yggdrasil`: the engine that Unleash's own client embeds, without the client.

use std::collections::HashMap;
use std::sync::Arc;

use benches::works::{COUNTRIES, SUFFIX, targeting::User};
use serde_json::{Value, json};
use unleash_types::client_features::ClientFeatures;
use unleash_yggdrasil::{Context, EngineState};

use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct Yggdrasil(Arc<EngineState>);

fn feature(name: &str, enabled: bool, strategies: &Value) -> Value {
    json!({ "name": name, "enabled": enabled, "strategies": strategies })
}

fn rollout(percent: u32, group: &str) -> Value {
    let parameters = json!({ "rollout": percent.to_string(), "stickiness": "userId", "groupId": group });
    json!({ "name": "flexibleRollout", "parameters": parameters })
}

/// The flags as Unleash's server sends them.
pub(super) fn document(others: usize) -> String {
    let everybody = json!([{ "name": "default" }]);
    let only = |name: &str, operator: &str, values: Value| json!({ "name": "default", "constraints": [{ "contextName": name, "operator": operator, "values": values }] });
    let targeting = json!([
        only("country", "IN", json!(COUNTRIES)),
        only("email", "STR_ENDS_WITH", json!([SUFFIX])),
        rollout(20, "targeting"),
    ]);
    let mut variant = feature("variant", true, &everybody);
    variant["variants"] = json!(
        ["a", "b", "c", "d"]
            .map(|name| json!({ "name": name, "weight": 250, "weightType": "variable", "stickiness": "userId" }))
    );
    let asked = [
        feature("boolean", true, &everybody),
        feature("dark", false, &everybody),
        feature("percentage", true, &json!([rollout(50, "percentage")])),
        feature("targeting", true, &targeting),
        variant,
    ];
    let others = (0..others).map(|index| feature(&format!("feature-{index}"), index % 2 == 0, &everybody));
    let features: Vec<Value> = asked.into_iter().chain(others).collect();
    json!({ "version": 2, "features": features }).to_string()
}

/// The user's attributes, except the id.
pub(super) fn properties(user: &User) -> HashMap<String, String> {
    let properties = [("country", &user.country), ("email", &user.email)];
    properties.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

impl Peer for Yggdrasil {
    const NAME: &'static str = "unleash-yggdrasil 0.21";
    type Context = Context;

    fn document(others: usize) -> String {
        document(others)
    }

    fn load(document: &str) -> Self {
        let features: ClientFeatures = serde_json::from_str(document).expect("features as the service sends them");
        let engine = EngineState::default();
        assert!(engine.apply_client_features(features).is_none(), "no warnings");
        Self(Arc::new(engine))
    }

    fn context(&self, user: &User) -> Context {
        Context { user_id: Some(user.id.clone()), properties: Some(properties(user)), ..Context::default() }
    }

    fn is_on(&self, flag: &str, context: &Context) -> bool {
        self.0.is_enabled(flag, context, &None)
    }

    fn variant(&self, context: &Context) -> String {
        self.0.get_variant("variant", context, &None).name
    }
}
