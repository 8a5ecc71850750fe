//! `growthbook-rust`: its client, with given features instead of fetched ones.

use std::sync::Arc;

use benches::works::{COUNTRIES, targeting::User};
use growthbook_rust::client::{GrowthBookClient, GrowthBookClientBuilder, GrowthBookClientTrait as _};
use growthbook_rust::model_public::{GrowthBookAttribute, GrowthBookAttributeValue};
use serde_json::{Map, Value, json};

use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct GrowthBook(Arc<GrowthBookClient>);

impl Peer for GrowthBook {
    const NAME: &'static str = "growthbook-rust 0.4";
    type Context = Vec<GrowthBookAttribute>;

    fn document(others: usize) -> String {
        let targeting = json!([
            { "condition": { "country": { "$in": COUNTRIES } }, "force": true },
            { "condition": { "email": { "$regex": "@example\\.com$" } }, "force": true },
            { "force": true, "coverage": 0.2, "hashAttribute": "id" },
        ]);
        let dealt = json!({
            "key": "variant", "variations": ["a", "b", "c", "d"], "weights": [0.25, 0.25, 0.25, 0.25], "hashAttribute": "id",
        });
        let asked = [
            ("boolean", json!({ "defaultValue": true })),
            ("dark", json!({ "defaultValue": false })),
            (
                "percentage",
                json!({ "defaultValue": false, "rules": [{ "force": true, "coverage": 0.5, "hashAttribute": "id" }] }),
            ),
            ("targeting", json!({ "defaultValue": false, "rules": targeting })),
            ("variant", json!({ "defaultValue": "none", "rules": [dealt] })),
        ];
        let asked = asked.into_iter().map(|(name, feature)| (name.to_owned(), feature));
        let others = (0..others).map(|index| (format!("feature-{index}"), json!({ "defaultValue": index % 2 == 0 })));
        let features: Map<String, Value> = asked.chain(others).collect();
        Value::Object(features).to_string()
    }

    fn load(document: &str) -> Self {
        let features = serde_json::from_str(document).expect("good JSON");
        let builder = GrowthBookClientBuilder::new().features_json(features).expect("good features");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self(Arc::new(runtime.block_on(builder.build()).expect("a client")))
    }

    fn context(&self, user: &User) -> Self::Context {
        let fields = [("id", &user.id), ("country", &user.country), ("email", &user.email)];
        let attribute = |(name, value): (&str, &String)| {
            GrowthBookAttribute::new(name.to_owned(), GrowthBookAttributeValue::String(value.clone()))
        };
        fields.into_iter().map(attribute).collect()
    }

    fn is_on(&self, flag: &str, context: &Self::Context) -> bool {
        // The client takes the attributes by value.
        self.0.is_on(flag, Some(context.clone()))
    }

    fn variant(&self, context: &Self::Context) -> String {
        let result = self.0.feature_result("variant", Some(context.clone()));
        result.value.as_str().unwrap_or_default().to_owned()
    }
}
