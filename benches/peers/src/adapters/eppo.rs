//! `eppo_core`: the shared evaluator of Eppo's clients, without sending events.

use std::sync::Arc;

use benches::works::{COUNTRIES, targeting::User};
use eppo_core::configuration_store::ConfigurationStore;
use eppo_core::eval::{Evaluator, EvaluatorConfig};
use eppo_core::ufc::{AssignmentValue, UniversalFlagConfig, VariationType};
use eppo_core::{Attributes, Configuration, SdkMetadata, Str};
use serde_json::{Map, Value, json};

use crate::peer::Peer;

const METADATA: SdkMetadata = SdkMetadata { name: "peers", version: "0" };
const SHARDS: u32 = 10_000;

#[derive(Clone)]
pub(crate) struct Eppo(Arc<Evaluator>);

fn flag(key: &str, enabled: bool, kind: &str, values: &[Value], allocations: &Value) -> (String, Value) {
    let name = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let variations: Map<String, Value> =
        values.iter().map(|value| (name(value), json!({ "key": name(value), "value": value }))).collect();
    let flag = json!({
        "key": key, "enabled": enabled, "variationType": kind, "variations": variations,
        "allocations": allocations, "totalShards": SHARDS,
    });
    (key.to_owned(), flag)
}

fn allocation(key: &str, conditions: &Value, splits: &Value) -> Value {
    let rules = if conditions.is_null() { json!([]) } else { json!([{ "conditions": [conditions] }]) };
    json!({ "key": key, "rules": rules, "splits": splits, "doLog": false })
}

/// A variation for the shards in a range, out of this many shards.
fn split(variation: &str, salt: &str, start: u32, end: u32) -> Value {
    json!({ "variationKey": variation, "shards": [{ "salt": salt, "ranges": [{ "start": start, "end": end }] }] })
}

impl Peer for Eppo {
    const NAME: &'static str = "eppo_core 10.0";
    type Context = (Str, Arc<Attributes>);

    fn document(others: usize) -> String {
        let all = json!([{ "variationKey": "true", "shards": [] }]);
        let everybody = json!([allocation("all", &Value::Null, &all)]);
        let part = |percent: u32, salt: &str| {
            let shards = percent * SHARDS / 100;
            json!([split("true", salt, 0, shards), split("false", salt, shards, SHARDS)])
        };
        let only = |attribute: &str, operator: &str, value: Value| {
            allocation(attribute, &json!({ "attribute": attribute, "operator": operator, "value": value }), &all)
        };
        let targeting = json!([
            only("country", "ONE_OF", json!(COUNTRIES)),
            only("email", "MATCHES", json!("@example\\.com$")),
            allocation("rest", &Value::Null, &part(20, "targeting")),
        ]);
        let quarter = |(index, name): (u32, &str)| split(name, "variant", index * SHARDS / 4, (index + 1) * SHARDS / 4);
        let names = ["a", "b", "c", "d"];
        let quarters: Vec<Value> = (0..).zip(names).map(quarter).collect();
        let bools = [json!(true), json!(false)];
        let asked = [
            flag("boolean", true, "BOOLEAN", &bools, &everybody),
            flag("dark", false, "BOOLEAN", &bools, &everybody),
            flag(
                "percentage",
                true,
                "BOOLEAN",
                &bools,
                &json!([allocation("half", &Value::Null, &part(50, "percentage"))]),
            ),
            flag("targeting", true, "BOOLEAN", &bools, &targeting),
            flag(
                "variant",
                true,
                "STRING",
                &names.map(|name| json!(name)),
                &json!([allocation("all", &Value::Null, &json!(quarters))]),
            ),
        ];
        let others =
            (0..others).map(|index| flag(&format!("feature-{index}"), index % 2 == 0, "BOOLEAN", &bools, &everybody));
        let flags: Map<String, Value> = asked.into_iter().chain(others).collect();
        json!({
            "createdAt": "2026-01-01T00:00:00.000Z", "format": "SERVER", "environment": { "name": "bench" }, "flags": flags,
        })
        .to_string()
    }

    fn load(document: &str) -> Self {
        let flags = UniversalFlagConfig::from_json(METADATA, document.as_bytes().to_vec()).expect("a configuration");
        let store = Arc::new(ConfigurationStore::new());
        store.set_configuration(Arc::new(Configuration::from_server_response(flags, None)));
        Self(Arc::new(Evaluator::new(EvaluatorConfig { configuration_store: store, sdk_metadata: METADATA })))
    }

    fn context(&self, user: &User) -> Self::Context {
        let fields = [("country", &user.country), ("email", &user.email)];
        let attributes = fields.into_iter().map(|(name, value)| (Str::new(name), value.as_str().into()));
        (Str::new(&user.id), Arc::new(attributes.collect()))
    }

    fn is_on(&self, flag: &str, (id, attributes): &Self::Context) -> bool {
        let assignment = self.0.get_assignment(flag, id, attributes, Some(VariationType::Boolean));
        matches!(assignment, Ok(Some(assignment)) if assignment.value == AssignmentValue::Boolean(true))
    }

    fn variant(&self, (id, attributes): &Self::Context) -> String {
        let assignment = self.0.get_assignment("variant", id, attributes, Some(VariationType::String));
        let assignment = assignment.ok().flatten();
        assignment.and_then(|assignment| assignment.value.as_str().map(str::to_owned)).unwrap_or_default()
    }
}
