//! Migrations of data, one stage at a time.
//!
//! # The problem
//!
//! A release that drops a column cannot be rolled back, because the old code needs the column. A flag with a
//! switch does not help: off is not a safe state after reads moved to the new data.
//!
//! # The idea
//!
//! Expand, and contract later. A migration is a flag with a [`Stage`](crate::source::Stage) instead of a switch. The new
//! column is added, both are written, the old rows are copied, reads move, and only a later release drops the old column.
//! Every step before `complete` can be undone without losing a write.
//!
//! Writes to both sides come *before* the backfill. The other order is often described, and it loses the rows that are
//! written between the backfill and the first double write.
//!
//! # How to use it
//!
//! ```
//! use flagkit_core::migration;
//!
//! migration! {
//!     /// Splits `users.name` into `first` and `last`.
//!     pub static SPLIT_NAME: "split-name", range = Full, start = Off
//! }
//!
//! # fn write_name(_: &str) -> Result<(), std::io::Error> { Ok(()) }
//! # fn write_parts(_: &str) -> Result<(), std::io::Error> { Ok(()) }
//! # fn read_name() -> Result<String, std::io::Error> { Ok("Ada Lovelace".to_owned()) }
//! # fn read_parts() -> Result<String, std::io::Error> { Ok("Ada Lovelace".to_owned()) }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let plan = SPLIT_NAME.plan()?; // one per request
//! plan.write(|| write_name("Ada Lovelace"), || write_parts("Ada Lovelace"))?;
//! let name = plan.read(read_name, read_parts).run()?;
//! assert_eq!(name, "Ada Lovelace");
//! # Ok(())
//! # }
//! ```
//!
//! | misuse | what happens |
//! |---|---|
//! | a path is forgotten, or code of the old path is kept too long | it does not compile; see [`Full`] and [`Contracted`] |
//! | two parts of a request use two stages | the [`Plan`] has one stage |
//! | the build does not support the stage | [`PlanError::Unsupported`], never a silent `off` |
//! | the file is invalid, or the declaration is gone | the last stage stays in effect |
//! | the declaration is invalid when the program starts | [`PlanError::Invalid`], because any stage would be a guess |
//! | the first read comes before the first load | the stage of the build's own flag file is used |
//!
//! # How it works
//!
//! The static holds the stage in one word, as a call site of [`flag!`](crate::flag) does, and each publish updates it.
//! A plan is one atomic load and two compares. A migration with a partition is evaluated from the snapshot.
//!
//! A stage that no source has loaded yet is the one of the flag file at build time: `migration!` reads it there, or takes
//! it from `start = …`. The command `flagkit check --against` verifies that it is close enough to the stage in use.
//!
//! # Limits
//!
//! - Two processes may be one stage apart, while a change spreads. Each pair of adjacent stages is safe. `flagkit
//!   migrate` therefore moves one stage at a time, and waits until every instance has reached it.
//! - A plan that is kept across several changes of the stage is at an old one. Keep plans as short as requests.
//! - The counters begin at zero when the process starts.
//! - A second write that is lost is counted, not repeated. Copy the row again, and call
//!   [`record_repaired`](Migration::record_repaired).
//!
//! # Files
//!
//! - `range`: which stages a build supports. `migration`: the static. `list`: all migrations of the process.
//! - `plan`: one stage for one unit of work. `write`, `read`: what it does. `counters`, `error`: what it reports.
//!
//! This folder imports from `read` and the folders below it.

mod counters;
mod error;
mod list;
mod migration;
mod plan;
mod range;
mod read;
mod write;

pub use self::counters::Counters;
pub use self::error::{PlanError, WriteError};
pub use self::list::{MigrationStatus, migrations};
pub use self::migration::Migration;
pub use self::plan::Plan;
pub use self::range::{BothPaths, Contracted, Full, NewPathOnly, Range};
pub use self::read::{ComparedRead, Read, ShadowRead};
pub use self::write::OnLostWrite;
pub use crate::publish::{LossCause, SecondWriteLoss};
