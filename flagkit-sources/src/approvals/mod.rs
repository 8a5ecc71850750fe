//! Approvals of flags by people, with signatures that the program verifies itself.
//!
//! # The problem
//!
//! An attacker who can write a flag file, or the server that it comes from, can turn any flag on. A rule of a
//! repository or a prompt at a terminal does not prevent that, because the running program takes no part in them.
//!
//! # The idea
//!
//! A person signs a [`Statement`] with an SSH key: that this flag, with this definition, may be on in this environment.
//! The signature is in the flag file. The list of trusted keys, the [`Approvers`], is compiled into the program, so no
//! document can change it. A flag without approvals is dark.
//!
//! # How to use it
//!
//! ```no_run
//! use flagkit_sources::{Builder, Env, File};
//!
//! # const APPROVERS: &str = "";
//! // const APPROVERS: &str = include_str!("../.flagkit/approvers");
//! let guard = Builder::new()
//!     .required(File::new("flags.toml"))
//!     .optional(File::new("flags.prod.toml"))
//!     .source(Env::new("FLAG_"))
//!     .require_approvals(APPROVERS, "prod")
//!     .state_folder("/var/lib/shop")
//!     .install()?;
//! # Ok::<(), flagkit_sources::Error>(())
//! ```
//!
//! # How it works
//!
//! The files, in reading order:
//!
//! ```text
//! state        the state of a flag as text, and which of two states is wider
//! statement    the text that a person signs
//! refusal      why an approval does not count
//! timestamp    the times of statements and of approvers
//! pattern      the patterns of OpenSSH, for namespaces
//! approver     one line of the list of approvers
//! approvers    the list
//! signature    one signature, verified
//! definition   the digest of a definition
//! coverage     whether the approvals of a flag cover its state
//! marks        the newest approval of each flag, so that an older one cannot be used again
//! memory       the file of the marks
//! verifier     all of it, as the merge calls it
//! enforcement  a verifier in a running program, with its file and its warnings
//! ```
//!
//! # Limits
//!
//! - An attacker who can replace the program can replace the list of approvers.
//! - Without a [state folder](crate::Builder::state_folder), a restarted process accepts an older approval again, if
//!   its definition did not change since.
//! - The time that an approval states decides whether the key is valid. The owner of a stolen key can state any time
//!   of the past, so the line of such a key must be removed. That voids its approvals.

mod approver;
mod approvers;
mod coverage;
mod definition;
mod enforcement;
mod marks;
mod memory;
mod pattern;
mod refusal;
mod signature;
mod state;
mod statement;
mod timestamp;
mod verifier;

pub use self::approver::{Approver, RejectedLine};
pub use self::approvers::Approvers;
pub use self::coverage::Coverage;
pub use self::definition::{definition_digest, state_of};
pub(crate) use self::enforcement::{Enforcement, Requirement};
pub use self::refusal::Refusal;
pub use self::signature::{NAMESPACE, Signature};
pub use self::state::State;
pub use self::statement::Statement;
pub use self::verifier::Verifier;
