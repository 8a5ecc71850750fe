//! The measured works: reads of flags, and their lower bounds.

mod boolean;
mod migration;
mod percentage;
pub mod targeting;
mod variant;

use std::sync::Once;

use flagkit_core::source::{Condition, Operator, Rule};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, Variant, Variants};

use crate::case::Work;

type Make = fn() -> Work;

/// The works by name, in the order of the tables.
const WORKS: [(&str, Make); 6] = [
    ("boolean", boolean::work),
    ("percentage", percentage::work),
    ("handle", percentage::handle),
    ("targeting", targeting::work),
    ("variant", variant::work),
    ("migration", migration::work),
];

/// Returns all works.
pub fn all() -> impl Iterator<Item = Work> {
    install();
    WORKS.iter().map(|(_, work)| work())
}

/// Returns the work with this name.
pub fn named(name: &str) -> Option<Work> {
    install();
    WORKS.iter().find(|(known, _)| *known == name).map(|(_, work)| work())
}

/// A typical id: a UUID.
pub const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Countries that a rule of [`flags`] includes.
pub const COUNTRIES: [&str; 10] = ["PT", "ES", "FR", "IT", "DE", "AT", "CH", "BE", "NL", "LU"];
/// An e-mail suffix that a rule of [`flags`] includes.
pub const SUFFIX: &str = "@example.com";

/// Returns the flags that are read, among this many booleans.
pub fn flags(others: usize) -> FlagSet {
    let percent = |percent| Percent::new(percent).expect("a percentage");
    let others =
        (0..others).map(|index| (format!("feature-{index}"), if index % 2 == 0 { Flag::on() } else { Flag::off() }));
    let rules = [
        Rule::new().when(Condition::attribute("country", Operator::one_of(COUNTRIES))),
        Rule::new().when(Condition::attribute("email", Operator::ends_with([SUFFIX]))),
    ];
    let quarters = Variants::new(["a", "b", "c", "d"].map(|name| (Variant::new(name), 250_000))).expect("good weights");
    let asked = [
        ("boolean", Flag::on()),
        ("dark", Flag::off()),
        ("percentage", Flag::on().with_rollout(percent(50))),
        ("targeting", Flag::on().with_rollout(percent(20)).with_rules(rules)),
        ("variant", Flag::on().with_variants(quarters)),
    ];
    let asked = asked.into_iter().chain(migration::flags()).map(|(key, flag)| (key.to_owned(), flag));
    asked.chain(others).map(|(key, flag)| (FlagKey::new(&key).expect("a key"), flag)).collect()
}

/// Installs more than a hundred flags for `flag!`.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| flagkit_core::install(Flags::fixed(flags(100))).expect("no other installation"));
}
