//! Evaluation: a compiled flag and a subject in, an answer and its reason out.
//!
//! Evaluation is pure and total: no I/O, no clock, no lock, no allocation, no error. The same definitions and subject
//! always give the same answer.
//!
//! Files, in reading order:
//!
//! - `compiled`: a flag as evaluation reads it, with its salt hashed and its percentage turned into a threshold.
//!   `compiled_stage`: the same for a migration.
//! - `evaluator`: the one piece of code that evaluates a flag, generic over its tracer. `flag_tracer`: that tracer.
//! - `reason`, `evaluation`: the answer as callers receive it.
//! - `explanation`: the same answer with every step, recorded by a tracer.
//! - `effect`: the proof of what a change of a flag does: neutral, narrows or widens.
//!
//! This folder imports from `subject`, `bucketing`, `condition` and `model`.

pub(crate) mod compiled;
pub(crate) mod compiled_stage;
pub(crate) mod effect;
pub(crate) mod evaluation;
pub(crate) mod evaluator;
pub(crate) mod explanation;
pub(crate) mod flag_tracer;
pub(crate) mod reason;

pub use self::effect::Effect;
pub use self::evaluation::Evaluation;
pub use self::explanation::{Explanation, Step};
pub use self::reason::Reason;
