//! `feature-flag`: rules in JSON, evaluated under a lock.

use benches::works::{COUNTRIES, SUFFIX, targeting::User};
use feature_flag::{FlagEvaluator, FlagSet, Subject};
use serde_json::{Value, json};

use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct FeatureFlag(FlagEvaluator);

fn flag(id: &str, variants: &[&str], default: &str, rules: &Value) -> Value {
    json!({ "id": id, "variants": variants, "default_variant": default, "rules": rules })
}

fn rollout(weights: &[(&str, u32)]) -> Value {
    let variants: Vec<Value> =
        weights.iter().map(|(variant, weight)| json!({ "variant": variant, "weight": weight })).collect();
    json!({ "id": "rollout", "when": { "kind": "always" }, "outcome": { "kind": "rollout", "variants": variants } })
}

impl Peer for FeatureFlag {
    const NAME: &'static str = "feature-flag 0.1";
    type Context = Subject;

    fn document(others: usize) -> String {
        let only = |id: &str, attribute: &str, op: &str, value: Value| {
            let when = json!({ "kind": "compare", "attr": attribute, "op": op, "value": value });
            json!({ "id": id, "when": when, "outcome": { "kind": "variant", "variant": "on" } })
        };
        let targeting = json!([
            only("country", "country", "in", json!(COUNTRIES)),
            only("email", "email", "ends_with", json!(SUFFIX)),
            rollout(&[("off", 80), ("on", 20)]),
        ]);
        let bools = ["off", "on"];
        let asked = [
            flag("boolean", &bools, "on", &json!([])),
            flag("dark", &bools, "off", &json!([])),
            flag("percentage", &bools, "off", &json!([rollout(&[("off", 50), ("on", 50)])])),
            flag("targeting", &bools, "off", &targeting),
            flag(
                "variant",
                &["a", "b", "c", "d"],
                "a",
                &json!([rollout(&["a", "b", "c", "d"].map(|name| (name, 25)))]),
            ),
        ];
        let others = (0..others).map(|index| flag(&format!("feature-{index}"), &bools, bools[index % 2], &json!([])));
        let flags: Vec<Value> = asked.into_iter().chain(others).collect();
        json!({ "version": "1", "flags": flags }).to_string()
    }

    fn load(document: &str) -> Self {
        Self(FlagEvaluator::new(FlagSet::from_json(document).expect("a good set")))
    }

    fn context(&self, user: &User) -> Subject {
        Subject::new(user.id.as_str())
            .with_attr("country", user.country.as_str())
            .with_attr("email", user.email.as_str())
    }

    fn is_on(&self, flag: &str, subject: &Subject) -> bool {
        self.0.evaluate(flag, subject).is_ok_and(|evaluation| evaluation.variant == "on")
    }

    fn variant(&self, subject: &Subject) -> String {
        self.0.evaluate("variant", subject).map(|evaluation| evaluation.variant.clone()).unwrap_or_default()
    }
}
