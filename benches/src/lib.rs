//! Measurements of flagkit: works, each done in several ways.
//!
//! ```text
//! works ──▶ Work, Case ──▶ rounds        time, ratio, allocations
//!                     ──▶ instructions  by callgrind
//!                            │
//! publish, storm, load ──────┤
//! start, flip, approvals     ▼
//!                          Table ──▶ docs/performance.md, .json
//!                          chart ──▶ docs/performance/*.svg
//! ```

#![allow(clippy::missing_panics_doc)] // used only in this project

pub mod approvals;
pub mod case;
pub mod chart;
pub mod flip;
pub mod instructions;
pub mod load;
pub mod publish;
pub mod rounds;
pub mod start;
pub mod storm;
pub mod table;
pub mod works;

use flagkit_core::flag;

/// A boolean flag, as a function that is not inlined, for `scripts/assembly`.
#[inline(never)]
pub fn boolean() -> bool {
    flag!("boolean")
}

/// A percentage of string ids, also for `scripts/assembly`.
#[inline(never)]
pub fn percentage(id: &str) -> bool {
    flag!("percentage", id)
}
