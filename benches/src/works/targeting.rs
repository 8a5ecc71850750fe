//! W3: a country in a list of ten or the suffix of an e-mail address, otherwise a fifth of all users.

use std::collections::HashSet;
use std::hint::black_box;

use flagkit_core::{Flags, Subject, flag};
use foldhash::fast::RandomState;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{COUNTRIES, SUFFIX, UUID, flags};
use crate::case::{Case, Work};

/// A user type of an application.
#[derive(Clone, Debug, Subject)]
pub struct User {
    /// A UUID.
    #[subject(id)]
    pub id: String,
    /// Two letters.
    pub country: String,
    /// An address.
    pub email: String,
    /// Not used by any rule.
    pub plan: String,
}

impl User {
    /// Returns a user that no rule includes, so that all rules are evaluated.
    pub fn outside() -> Self {
        let [id, country, email, plan] = [UUID, "US", "ada@example.org", "free"].map(str::to_owned);
        Self { id, country, email, plan }
    }

    /// Returns a user that the first rule includes.
    pub fn inside() -> Self {
        Self { country: COUNTRIES[4].to_owned(), ..Self::outside() }
    }
}

pub(super) fn work() -> Work {
    let countries: HashSet<&str, RandomState> = COUNTRIES.into_iter().collect();
    let [user, again, third, fourth] = [(); 4].map(|()| User::outside());
    let inside = User::inside();
    let (few, many) = (Flags::fixed(flags(10)), Flags::fixed(flags(10_000)));
    let snapshot = few.snapshot();
    let fifth = User::outside();
    Work {
        name: "targeting",
        title: "A country in a list or an e-mail suffix, otherwise a fifth; user by reference",
        cases: vec![
            Case::new("floor: by hand, with a hash set and XXH3", move || {
                let user = black_box(&user);
                countries.contains(&*user.country)
                    || user.email.ends_with(SUFFIX)
                    || xxh3_64_with_seed(user.id.as_bytes(), 1) < u64::MAX / 5
            }),
            Case::new("`flag!`, no rule matches", move || flag!("targeting", black_box(&again))),
            Case::new("`flag!`, the first rule matches", move || flag!("targeting", black_box(&inside))),
            Case::new("pinned snapshot", move || snapshot.is_on(black_box("targeting"), black_box(&fifth))),
            Case::new("handle, 10 flags loaded", move || few.is_on(black_box("targeting"), black_box(&third))),
            Case::new("handle, 10,000 flags loaded", move || many.is_on(black_box("targeting"), black_box(&fourth))),
        ],
    }
}
