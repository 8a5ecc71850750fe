//! Shared code of the targets: subjects, evaluations, and the memory limit.

mod crowd;
mod memory;
mod questions;
mod tree;

pub use crowd::crowd;
pub use memory::bounded;
pub use questions::{answers, ask, publish};
pub use tree::Tree;
