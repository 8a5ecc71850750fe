//! The model: flags as one layer declares them, without evaluation and without a snapshot.
//!
//! A [`Flag`] is close to what an author wrote: a percentage is still a [`Percent`](crate::Percent), a segment is
//! still a name. Layers merge these types; `evaluate` compiles the result. Parsing happens before a value of this
//! folder exists, so none of them can be invalid.
//!
//! Files, in reading order:
//!
//! - `key`: the name of a flag. `env_key`: its spelling as an environment variable.
//! - `flag`, `rule`, `reference`, `segment`: one flag and its parts. `metadata` never changes an answer.
//! - `stage`: how far a migration is.
//! - `approval`: who agreed that a flag may be on.
//! - `part`: what a flag can inherit from the layer below.
//! - `variants`, `variant`, `payload`: the values that a flag serves.
//! - `flag_set`: all that one load declares.
//! - `provenance`: the name of a layer. `problem`: an error at one location in a document.
//!
//! This folder imports from `subject`, `bucketing` and `condition`.

pub(crate) mod approval;
mod env_key;
mod flag;
pub(crate) mod flag_set;
pub(crate) mod key;
mod metadata;
mod part;
mod payload;
pub(crate) mod problem;
pub(crate) mod provenance;
mod reference;
mod rule;
pub(crate) mod segment;
pub(crate) mod stage;
mod variant;
pub(crate) mod variants;

pub use self::approval::{Approval, ApprovalRequirement, Confirmation, Digest};
pub use self::env_key::EnvKey;
pub use self::flag::Flag;
pub(crate) use self::flag_set::Declaration;
pub use self::flag_set::FlagSet;
pub use self::key::FlagKey;
pub use self::metadata::{Kind, Metadata};
pub use self::part::Part;
pub use self::payload::Payload;
pub use self::problem::{Location, Problem};
pub use self::provenance::Provenance;
pub use self::reference::Reference;
pub use self::rule::Rule;
pub use self::segment::Segment;
pub use self::stage::{Side, Stage};
pub use self::variant::Variant;
pub use self::variants::Variants;
