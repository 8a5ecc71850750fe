//! What the targets share: who is asked about, what is asked, and how much memory that may take.

mod crowd;
mod memory;
mod questions;
mod tree;

pub use crowd::crowd;
pub use memory::bounded;
pub use questions::{answers, ask, publish};
pub use tree::Tree;
