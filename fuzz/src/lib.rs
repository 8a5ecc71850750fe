//! Shared code of the targets: subjects, evaluations, and the memory limit.

mod crowd;
mod evaluations;
mod memory;
#[path = "../../flagkit-sources/tests/it/support/quote.rs"]
mod quote;
mod tree;

pub use crowd::crowd;
pub use evaluations::{evaluate_all, evaluations, publish};
pub use memory::bounded;
pub use tree::Tree;
