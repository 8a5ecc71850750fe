//! `featureflag`: a facade without an engine. Its evaluator here is a hash map of booleans, the minimum.

use std::collections::HashMap;
use std::sync::Once;

use benches::works::targeting::User;
use featureflag::{Context, Evaluator, Feature, context, set_global_default};

use super::openfeature::booleans;
use crate::peer::{Peer, Skill};

#[derive(Clone)]
pub(crate) struct Facade;

struct Booleans(HashMap<String, bool>);

impl Evaluator for Booleans {
    fn is_enabled(&self, feature: &str, _: &Context) -> Option<bool> {
        self.0.get(feature).copied()
    }
}

impl Peer for Facade {
    const NAME: &'static str = "featureflag 0.0.3, over a hash map";
    const SKILL: Skill = Skill::Booleans;
    type Context = Context;

    fn document(others: usize) -> String {
        booleans(others)
    }

    fn load(document: &str) -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| set_global_default(Booleans(serde_json::from_str(document).expect("booleans"))));
        Self
    }

    fn context(&self, user: &User) -> Context {
        context!(id = user.id, country = user.country, email = user.email)
    }

    fn is_on(&self, flag: &str, context: &Context) -> bool {
        Feature::new(flag, false).is_enabled_in(Some(context))
    }

    fn variant(&self, _: &Context) -> String {
        String::new()
    }
}
