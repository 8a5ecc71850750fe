//! flagkit beside what else one would pick, on the same work, in turn, in one process. Prints tables as JSON.
//!
//! Each peer is driven as its own documentation says, twice: from a user as an application has it, so that what it
//! takes to make a context of it counts, and with the context made before. Flags are asked for among a hundred others.

mod feature_flag_;
mod flagkit;
mod growthbook;
mod launchdarkly;
mod unleash;

use benches::case::{Case, Work};
use benches::rounds::{Effort, measure};
use benches::table::Table;
use benches::works::targeting::User;

/// What is asked of a peer.
pub(crate) trait Peer: Clone + 'static {
    const NAME: &'static str;
    type Context: 'static;

    /// Makes a context of a user, as for a request.
    fn context(&self, user: &User) -> Self::Context;
    /// W1 to W3: whether the flag is on.
    fn is_on(&self, flag: &str, context: &Self::Context) -> bool;
    /// W4: which of four variants.
    fn variant(&self, context: &Self::Context) -> String;
}

const WORKS: [(&str, &str); 4] = [
    ("boolean", "W1, a boolean among a hundred flags"),
    ("percentage", "W2, half of all users"),
    ("targeting", "W3, a country in ten, or an e-mail suffix, else a fifth"),
    ("variant", "W4, one of four variants"),
];

fn main() {
    let smoke = std::env::args().any(|word| word == "--smoke");
    let effort = if smoke { Effort::SMOKE } else { Effort::FULL };
    benches::works::install();
    let mut tables = Vec::new();
    for (name, title) in WORKS {
        let mut cases = flagkit::cases(name);
        cases.extend(both(&launchdarkly::Evaluation::new(), name));
        cases.extend(both(&unleash::Yggdrasil::new(), name));
        cases.extend(both(&growthbook::GrowthBook::new(), name));
        cases.extend(both(&feature_flag_::FeatureFlag::new(), name));
        let mut work = Work { name, title, cases };
        let mut table = Table::new(&format!("peers-{name}"), title, &["", "ns", "ratio", "allocations"]);
        for cost in measure(&mut work, effort) {
            let ratio = format!("{:.1}", cost.ratio);
            table.push([cost.name.into(), cost.nanos.into(), ratio.into(), cost.allocations.into()]);
        }
        tables.push(table);
    }
    println!("{}", serde_json::to_string(&tables).expect("tables have a form in JSON"));
}

/// From a user, and with the context made before.
fn both<P: Peer>(peer: &P, work: &'static str) -> [Case; 2] {
    check(peer);
    let (again, user) = (peer.clone(), User::outside());
    let (prebuilt, context) = (peer.clone(), peer.context(&user));
    let ask = move |peer: &P, context: &P::Context| {
        if work == "variant" { !peer.variant(context).is_empty() } else { peer.is_on(work, context) }
    };
    [
        Case::new(format!("{}, from a user", P::NAME), move || {
            let user = std::hint::black_box(&user);
            ask(&again, &again.context(user))
        }),
        Case::new(format!("{}, context made before", P::NAME), move || ask(&prebuilt, std::hint::black_box(&context))),
    ]
}

/// That it does the work: answers that are known, and shares that are about right.
fn check<P: Peer>(peer: &P) {
    let context = |user: &User| peer.context(user);
    let inside = context(&User::inside());
    let at_home = User { email: "ada@example.com".to_owned(), ..User::outside() };
    assert!(peer.is_on("boolean", &inside) && !peer.is_on("dark", &inside), "{}: W1", P::NAME);
    assert!(peer.is_on("targeting", &inside), "{}: the country", P::NAME);
    assert!(peer.is_on("targeting", &context(&at_home)), "{}: the address", P::NAME);
    let users =
        (0..2_000).map(|number| User { id: format!("{number:08}-10b1-426f-9247-bb680e5fe0c8"), ..User::outside() });
    let contexts: Vec<P::Context> = users.map(|user| peer.context(&user)).collect();
    let share = |holds: &dyn Fn(&P::Context) -> bool| contexts.iter().filter(|context| holds(context)).count();
    let about = |count: usize, expected: usize| count.abs_diff(expected) < 120;
    assert!(about(share(&|context| peer.is_on("percentage", context)), 1_000), "{}: W2", P::NAME);
    assert!(about(share(&|context| peer.is_on("targeting", context)), 400), "{}: W3", P::NAME);
    for variant in ["a", "b", "c", "d"] {
        assert!(about(share(&|context| peer.variant(context) == variant), 500), "{}: W4, {variant}", P::NAME);
    }
}
