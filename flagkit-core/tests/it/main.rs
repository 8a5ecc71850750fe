//! The behaviour of flagkit-core through its public API, one module per noun.
//!
//! The modules share one process, so none of them installs flags, counts allocations or changes the environment. A test
//! that does has a binary of its own beside this folder.

mod approvals;
mod env_keys;
mod errors;
mod keys;
mod support;

mod bucketing {
    mod custom;
    mod golden_vectors;
    mod missing_ids;
}
mod derive {
    mod fields;
    mod forms;
}
mod effects {
    mod cases;
    mod laws;
}
mod events {
    mod changes;
    mod load_failures;
    mod reentrancy;
}
mod explain {
    #[cfg(feature = "serde")]
    mod json;
    mod text;
}
mod migrations {
    mod effects;
    mod layers;
    mod model;
    mod plans;
    mod reads;
    mod writes;
}
mod layers {
    mod before_first_load;
    mod failed_loads;
    mod inheritance;
    mod invalid_flags;
    mod laws;
    mod overrides;
}
mod macros {
    mod declarations;
    mod diagnostics;
    mod foreign_files;
    mod project;
    mod server;
    mod targets;
}
mod prerequisites {
    mod cycles;
    mod paths;
}
mod rollout {
    mod distribution;
    mod increase;
    mod independence;
}
mod snapshots {
    mod consistency;
    mod retention;
    mod stress;
}
mod sources {
    mod binding;
    mod custom;
    mod error_drop;
}
mod status {
    mod counts;
    mod repeats;
    mod stale_loads;
    mod state_changes;
    mod warnings;
}
mod targeting {
    mod laws;
    mod layers;
    mod world;
}
mod variants {
    mod off_variant;
    #[cfg(feature = "serde")]
    mod payloads;
    mod weights;
}
