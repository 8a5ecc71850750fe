#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, future_incompatible, nonstandard_style, rust_2018_idioms, unused)]
#![deny(elided_lifetimes_in_paths, single_use_lifetimes, trivial_casts, unreachable_pub, unused_qualifications)]

//! A crate in which every warning is an error.

use flagkit_core::{Attribute, Subject, flag};

/// Documented.
#[derive(Attribute, Clone, Debug)]
#[non_exhaustive]
pub enum Plan {
    /// Documented.
    Free,
}

/// Documented.
#[derive(Clone, Debug, Subject)]
pub struct User<'a, T> {
    /// Documented.
    #[subject(id)]
    pub number: u64,
    /// Documented.
    pub plan: &'a [Plan; 1],
    /// Documented.
    pub other: T,
}

/// Documented.
#[derive(Clone, Copy, Debug, Subject)]
#[subject(anonymous)]
pub struct Anonymous;

fn main() {
    let user = User { number: 7, plan: &[Plan::Free], other: "x" };
    assert!(!flag!("a", user) && !flag!("a", Anonymous));
}
