//! `open-feature`: a facade without an engine and, in Rust, without an in-memory provider. The provider here is a hash
//! map of booleans, the minimum. Its futures never wait, and are polled once, without a runtime.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use benches::works::targeting::User;
use futures_util::FutureExt as _;
use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    Client, EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationResult, OpenFeature as Api, StructValue,
};
use serde_json::{Map, Value};

use crate::peer::{Peer, Skill};

#[derive(Clone)]
pub(crate) struct OpenFeature(Arc<Client>);

struct InMemory {
    metadata: ProviderMetadata,
    flags: HashMap<String, bool>,
}

/// Returns the two flags that are read, among this many others.
pub(super) fn booleans(others: usize) -> String {
    let asked = [("boolean", true), ("dark", false)].map(|(name, on)| (name.to_owned(), Value::Bool(on)));
    let others = (0..others).map(|index| (format!("feature-{index}"), Value::Bool(index % 2 == 0)));
    Value::Object(asked.into_iter().chain(others).collect::<Map<_, _>>()).to_string()
}

fn missing<T>() -> EvaluationResult<T> {
    Err(EvaluationError::builder().code(EvaluationErrorCode::FlagNotFound).build())
}

#[async_trait]
impl FeatureProvider for InMemory {
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(&self, key: &str, _: &EvaluationContext) -> EvaluationResult<ResolutionDetails<bool>> {
        match self.flags.get(key) {
            Some(on) => Ok(ResolutionDetails::new(*on)),
            None => missing(),
        }
    }

    async fn resolve_int_value(&self, _: &str, _: &EvaluationContext) -> EvaluationResult<ResolutionDetails<i64>> {
        missing()
    }

    async fn resolve_float_value(&self, _: &str, _: &EvaluationContext) -> EvaluationResult<ResolutionDetails<f64>> {
        missing()
    }

    async fn resolve_string_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        missing()
    }

    async fn resolve_struct_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        missing()
    }
}

impl Peer for OpenFeature {
    const NAME: &'static str = "open-feature 0.3, over a hash map";
    const SKILL: Skill = Skill::Booleans;
    type Context = EvaluationContext;

    fn document(others: usize) -> String {
        booleans(others)
    }

    fn load(document: &str) -> Self {
        let flags = serde_json::from_str(document).expect("booleans");
        let provider = InMemory { metadata: ProviderMetadata::new("memory"), flags };
        let client = async {
            let mut api = Api::singleton_mut().await;
            api.set_provider(provider).await;
            api.create_client()
        };
        Self(Arc::new(client.now_or_never().expect("nothing to wait for")))
    }

    fn context(&self, user: &User) -> EvaluationContext {
        EvaluationContext::default()
            .with_targeting_key(&user.id)
            .with_custom_field("country", user.country.clone())
            .with_custom_field("email", user.email.clone())
    }

    fn is_on(&self, flag: &str, context: &EvaluationContext) -> bool {
        let answer = self.0.get_bool_value(flag, Some(context), None).now_or_never();
        answer.expect("nothing to wait for").unwrap_or(false)
    }

    fn variant(&self, _: &EvaluationContext) -> String {
        String::new()
    }
}
