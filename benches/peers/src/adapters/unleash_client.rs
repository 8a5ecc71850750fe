//! `unleash-api-client`: Unleash's client, which counts uses, with given features instead of fetched ones.

use std::sync::Arc;

use async_trait::async_trait;
use benches::works::targeting::User;
use unleash_api_client::client::{Client, ClientBuilder, FeatureKey};
use unleash_api_client::context::Context;
use unleash_api_client::http::{Request, Response, Transport};

use super::unleash;
use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct UnleashClient(Arc<Client<NoKey>>);

/// Features are read by name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoKey {}

impl FeatureKey for NoKey {
    fn name(self) -> &'static str {
        match self {}
    }
}

/// A transport that is never used.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn execute(&self, _: Request) -> Result<Response, anyhow::Error> {
        Err(anyhow::anyhow!("there is no server"))
    }
}

impl Peer for UnleashClient {
    const NAME: &'static str = "unleash-api-client 0.17";
    type Context = Context;

    fn document(others: usize) -> String {
        unleash::document(others)
    }

    fn load(document: &str) -> Self {
        let builder = ClientBuilder::default().enable_string_features();
        let client = builder.into_client_with_transport("http://localhost", "peers", "one", None, Arc::new(Nowhere));
        let client = client.expect("a client");
        let features = serde_json::from_str(document).expect("features as the service sends them");
        client.memoize(features).expect("features that it takes");
        Self(Arc::new(client))
    }

    fn context(&self, user: &User) -> Context {
        Context { user_id: Some(user.id.clone()), properties: unleash::properties(user), ..Context::default() }
    }

    fn is_on(&self, flag: &str, context: &Context) -> bool {
        self.0.is_enabled_str(flag, Some(context), false)
    }

    fn variant(&self, context: &Context) -> String {
        self.0.get_variant_str("variant", context).name
    }
}
