//! What a flag *is*: the model, without a reader and without a snapshot.
//!
//! Two stages. A [`Flag`] is what one layer declares, close to what somebody wrote. A `Definition` is what evaluation
//! reads: the flag after layering, with its salt hashed and its percentage turned into a threshold. Parsing happens
//! before the first, compiling between the two; evaluation does neither.
//!
//! ```text
//! document ──▶ Flag, FlagSet (a layer) ──merge──▶ Definition (in a snapshot) ──▶ evaluate
//! ```

mod compiled;
mod effect;
mod flag;
mod flag_set;
mod line;
mod metadata;
mod payload;
mod rule;
mod segment;
mod variants;

pub(crate) use compiled::{Definition, Plan, Segments, Serve};
pub use effect::Effect;
pub(crate) use effect::narrows;
pub use flag::Flag;
pub(crate) use flag_set::Declaration;
pub use flag_set::FlagSet;
pub(crate) use line::{PlainSplit, Split};
pub use metadata::{Kind, Metadata};
pub use payload::Payload;
#[cfg(feature = "serde")]
pub use payload::PayloadError;
pub use rule::{Reference, Rule};
pub use segment::Segment;
pub use variants::{Variant, Variants, VariantsError};
