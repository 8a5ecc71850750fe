//! The approvals of a project: who may approve, and which flags have enough valid approvals.
//!
//! The commands `check`, `approvers`, `list`, `show`, `eval` and `explain` share this module, so that they never
//! disagree. It verifies as a program does that requires approvals, but it remembers no earlier serials.
//!
//! - `list`: the list of approvers beside a flag file.
//! - `inspection`: the flags of one environment, with their verified approvals.

mod inspection;
mod list;

pub(crate) use inspection::{InspectedApproval, InspectedFlag, Inspection, Refusals};
pub(crate) use list::{ApproverList, describe};
