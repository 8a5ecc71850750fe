//! Bucketing: which part of all subjects a percentage includes.
//!
//! A subject's bucketing value (its id, or an attribute) is hashed with the flag's seed to a [`Point`](bucket::Point).
//! A rollout is a [`Threshold`](bucket::Threshold): the subject is included if its point is below it. The formulas are
//! frozen; `spec/bucketing.json` holds their golden vectors.
//!
//! Files, in reading order:
//!
//! - `percent`: a percentage as people write it, with at most six decimal places.
//! - `bucket`: the frozen formulas: seed, point, threshold. A public module.
//! - `bucketer`: a seed together with the attribute that is hashed, as compiled flags hold it.
//!
//! This folder imports from `subject` only.

pub mod bucket;
pub(crate) mod bucketer;
pub(crate) mod percent;

pub use self::percent::Percent;
