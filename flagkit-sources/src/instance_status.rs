//! The status of one running instance, for the command `flagkit migrate`.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::process;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use flagkit_core::Flags;
use flagkit_core::migrate::{Counters, MigrationStatus, migrations};
use flagkit_core::source::Stage;
use serde_json::{Value, json};

use crate::rfc3339;

/// The random part of the id of this process.
static PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The status of this running instance: its release, and the stage of each migration.
///
/// The command `flagkit migrate` reads it from every instance before it advances a stage. Serve
/// [`to_json`](Self::to_json) as `GET /status` with any web framework. The router of flagkit-server has that route.
///
/// Create it once, when the program starts, and clone it for each request: [`new`](Self::new) takes the time of the
/// start. [Register](flagkit_core::migrate::Migration::register) each migration then too. A migration that is not
/// registered is listed after its first plan only.
///
/// # Examples
///
/// ```no_run
/// use flagkit_core::migration;
/// use flagkit_sources::InstanceStatus;
///
/// migration! { static SPLIT_NAME: "split-name", range = Full }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let guard = flagkit_sources::watch("flags.toml")?;
/// SPLIT_NAME.register();
/// let status = InstanceStatus::new(guard.flags().clone()).release("2026.11.3");
/// let body = move || status.clone().to_json(); // the body of `GET /status`
/// # drop(body);
/// # Ok(())
/// # }
/// ```
///
/// # Shape
///
/// ```json
/// {
///   "release": "2026.11.3",
///   "started": "2026-11-29T10:00:00Z",
///   "instance": "9c1f0a6be2d84437",
///   "revision": 7,
///   "migrations": [
///     {
///       "key": "split-name",
///       "stage": "dual-write",
///       "partition": "tenant",
///       "rollout": "25%",
///       "range": "full",
///       "first": "off",
///       "last": "complete",
///       "counters": {
///         "compared": 0,
///         "mismatched": 0,
///         "comparisons_failed": 0,
///         "second_writes_failed": 0,
///         "second_writes_abandoned": 0,
///         "repaired": 0,
///         "unrepaired": 0
///       }
///     }
///   ]
/// }
/// ```
///
/// - `release` is `null` if none is set, `partition` and `rollout` if the data is not partitioned, and `stage` if this
///   instance has none.
/// - `instance` identifies the process. A process that forks or restarts has another one.
/// - Stages are those of the [installed](flagkit_core::install) flags, which plans use.
/// - The members have no fixed order, and later versions may add some.
#[derive(Clone, Debug)]
pub struct InstanceStatus {
    flags: Flags,
    release: Option<Arc<str>>,
    started: Arc<str>,
}

impl InstanceStatus {
    /// Creates the status of this process, which starts now. The revision is the one of `flags`.
    pub fn new(flags: Flags) -> Self {
        // A fork during the first use would leave the static locked in the child.
        LazyLock::force(&PROCESS);
        Self { flags, release: None, started: rfc3339::utc(SystemTime::now()).into() }
    }

    /// Sets the release: a text that differs between two builds that are deployed, such as a version or a commit.
    pub fn release(self, release: impl Into<Arc<str>>) -> Self {
        Self { release: Some(release.into()), ..self }
    }

    /// Returns the status at this moment as JSON.
    pub fn to_json(&self) -> String {
        json!({
            "release": self.release.as_deref(),
            "started": &*self.started,
            "instance": instance(),
            "revision": self.flags.snapshot().revision(),
            "migrations": migrations().iter().map(migration).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// Returns the id of this process. It includes the process id, because a forked child has the same random part.
fn instance() -> String {
    format!("{:016x}", PROCESS.hash_one(process::id()))
}

fn migration(status: &MigrationStatus) -> Value {
    let rollout = status.partition.is_some().then(|| status.rollout.to_string());
    json!({
        "key": status.key,
        "stage": status.stage.map(Stage::as_str),
        "partition": status.partition,
        "rollout": rollout,
        "range": status.range,
        "first": status.first.as_str(),
        "last": status.last.as_str(),
        "counters": counters(&status.counters),
    })
}

fn counters(counters: &Counters) -> Value {
    json!({
        "compared": counters.compared,
        "mismatched": counters.mismatched,
        "comparisons_failed": counters.comparisons_failed,
        "second_writes_failed": counters.second_writes_failed,
        "second_writes_abandoned": counters.second_writes_abandoned,
        "repaired": counters.repaired,
        "unrepaired": counters.unrepaired(),
    })
}
