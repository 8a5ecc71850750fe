//! Publishing: from the loads of sources to the snapshot that readers use.
//!
//! Data flows one way. A source passes a load to its publisher. The publisher hands it to the store, which updates the
//! source's layer, merges all layers into one snapshot and swaps that in. Subscribers are notified after the swap,
//! without a lock held.
//!
//! Files, in reading order:
//!
//! - `source`, `publisher`, `signal`, `start_policy`: what the author of a source uses.
//! - `load`, `status`, `event`: what moves between sources, operators and subscribers.
//! - `layer`: the last good flags of one source, and its state. `merge`: all layers to one set of compiled flags.
//!   `merged_flag`: one key during a merge. `migrations`: the rules that keep a stage from changing by accident.
//!   `approvals`: the flags that people must have approved.
//! - `snapshot`, `indexed_map`, `origins`: the merged flags, immutable, at one revision. `changes`: what differs
//!   between two of them.
//! - `snapshot_cell`, `sync`: the atomically swapped snapshot, and the atomics under it.
//! - `store`, `subscribers`: the one lock of the writing side, and delivery of events in order.
//!
//! This folder imports from `model` and `evaluate`, and from the folders below those.

pub(crate) mod approvals;
pub(crate) mod changes;
pub(crate) mod event;
pub(crate) mod indexed_map;
pub(crate) mod layer;
pub(crate) mod load;
pub(crate) mod merge;
mod merged_flag;
mod migrations;
pub(crate) mod origins;
pub(crate) mod publisher;
pub(crate) mod signal;
pub(crate) mod snapshot;
pub(crate) mod snapshot_cell;
pub(crate) mod source;
pub(crate) mod start_policy;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod subscribers;
pub(crate) mod sync;

pub use self::approvals::{Approvable, ApprovalVerifier};
pub use self::event::{Change, Event, LoadFailure, LossCause, SecondWriteLoss, StateChange, WarningsChange};
pub use self::load::{ErrorKind, Load, LoadError};
pub use self::publisher::Publisher;
pub use self::signal::{Signal, Wake};
pub use self::snapshot::Snapshot;
pub use self::source::Source;
pub use self::start_policy::{OnFailedStart, StartPolicy};
pub use self::status::{SourceState, SourceStatus, Status};
pub use self::subscribers::Subscription;
