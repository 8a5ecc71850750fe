//! What the targets share: who is asked about, what is asked, and how much memory that may take.

mod crowd;
mod memory;
mod questions;
mod tree;

pub use crowd::crowd;
pub use memory::{LIMIT, bounded};
pub use questions::{answers, publish};
pub use tree::Tree;
