//! Shared code of the targets: subjects, evaluations, and the memory limit.

mod crowd;
mod evaluations;
mod memory;
mod tree;

pub use crowd::crowd;
pub use evaluations::{evaluate_all, evaluations, publish};
pub use memory::bounded;
pub use tree::Tree;
