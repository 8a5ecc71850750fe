//! Other feature-flag crates, each used as its documentation describes.

mod configcat;
mod eppo;
mod feature_flag;
mod featureflag;
mod flagsmith;
mod growthbook;
mod launchdarkly;
mod openfeature;
mod posthog;
mod unleash;
mod unleash_client;

use crate::peer::{Entry, entry};

/// All peers, engines before facades.
pub(crate) fn all() -> Vec<Entry> {
    vec![
        entry::<launchdarkly::Evaluation>(),
        entry::<unleash::Yggdrasil>(),
        entry::<unleash_client::UnleashClient>(),
        entry::<growthbook::GrowthBook>(),
        entry::<flagsmith::Flagsmith>(),
        entry::<eppo::Eppo>(),
        entry::<configcat::ConfigCat>(),
        entry::<posthog::PostHog>(),
        entry::<feature_flag::FeatureFlag>(),
        entry::<featureflag::Facade>(),
        entry::<openfeature::OpenFeature>(),
    ]
}
