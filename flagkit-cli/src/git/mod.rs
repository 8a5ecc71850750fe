//! The flag files at another git revision, as a program would read them after a checkout.
//!
//! The command compares a change with a base, and a base that it cannot read must never count as an empty one. So only
//! one answer of git means "no such file": a tree that git could read, without an entry of that name. Every other
//! failure ends the command with the reason that git gives: a missing object, a shallow clone, a foreign owner.
//!
//! - `repository`: finds the repository of a flag file, and runs git in it.
//! - `revision`: one commit, by a name that has only one meaning.
//! - `tree`: the path of a file in the tree of a commit, through symbolic links.

mod repository;
mod revision;
mod tree;

pub(crate) use repository::{Repository, setting, user_name};
pub(crate) use revision::Revision;
pub(crate) use tree::Content;
