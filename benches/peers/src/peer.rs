//! The interface of a peer, and the check of its results.

use std::any::Any;
use std::hint::black_box;
use std::sync::Arc;

use benches::case::Case;
use benches::works::targeting::User;

/// An engine or a facade, with its flags loaded.
pub(crate) trait Peer: Clone + Send + Sync + 'static {
    /// Its crate and version.
    const NAME: &'static str;
    /// The works that it supports: a facade has no rules and does only W1.
    const SKILL: Skill = Skill::Rules;
    /// Its context: the user of an evaluation.
    type Context: 'static;

    /// Returns the flags that are read, among this many booleans, in its document format.
    fn document(others: usize) -> String;
    /// Loads the document.
    fn load(document: &str) -> Self;
    /// Creates the context of a user, as for a request.
    fn context(&self, user: &User) -> Self::Context;
    /// W1 to W3: returns whether the flag is on.
    fn is_on(&self, flag: &str, context: &Self::Context) -> bool;
    /// W4: returns one of four variants.
    fn variant(&self, context: &Self::Context) -> String;
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skill {
    Rules,
    Booleans,
}

/// Creates a case on the thread that runs it.
pub(crate) type Make = Arc<dyn Fn() -> Case + Send + Sync>;

/// Loads a document. The caller drops the result.
pub(crate) type Load = fn(&str) -> Box<dyn Any>;

/// A peer with its type erased.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) skill: Skill,
    /// Checks its results.
    pub(crate) check: Box<dyn Fn()>,
    /// Returns its cases of one work.
    pub(crate) cases: Box<dyn Fn(&'static str) -> Vec<Case>>,
    /// Returns the case of one work with a prebuilt context.
    pub(crate) on_threads: Box<dyn Fn(&'static str) -> Make>,
    /// Returns a document with this many flags.
    pub(crate) document: fn(usize) -> String,
    pub(crate) load: Load,
}

/// The number of other flags in W1 to W5.
const OTHERS: usize = 100;

pub(crate) fn entry<P: Peer>() -> Entry {
    let peer = P::load(&P::document(OTHERS));
    let [again, checked] = [peer.clone(), peer.clone()];
    Entry {
        name: P::NAME,
        skill: P::SKILL,
        check: Box::new(move || check(&checked)),
        cases: Box::new(move |work| {
            if P::SKILL == Skill::Booleans && work != "boolean" { Vec::new() } else { both(&peer, work).into() }
        }),
        on_threads: Box::new(move |work| {
            let peer = again.clone();
            Arc::new(move || prebuilt(&peer, work, P::NAME.to_owned()))
        }),
        document: P::document,
        load: |document| Box::new(P::load(document)),
    }
}

fn ask<P: Peer>(peer: &P, work: &str, context: &P::Context) -> bool {
    if work == "variant" { !peer.variant(context).is_empty() } else { peer.is_on(black_box(work), context) }
}

/// Returns two cases: from a user, and with a prebuilt context.
fn both<P: Peer>(peer: &P, work: &'static str) -> [Case; 2] {
    let (again, user) = (peer.clone(), User::outside());
    [
        Case::new(format!("{}, from a user", P::NAME), move || {
            let user = black_box(&user);
            ask(&again, work, &again.context(user))
        }),
        prebuilt(peer, work, format!("{}, context prebuilt", P::NAME)),
    ]
}

fn prebuilt<P: Peer>(peer: &P, work: &'static str, name: String) -> Case {
    let (peer, context) = (peer.clone(), peer.context(&User::outside()));
    Case::new(name, move || ask(&peer, work, black_box(&context)))
}

/// Checks known results, and the approximate fractions of percentages.
fn check<P: Peer>(peer: &P) {
    let context = |user: &User| peer.context(user);
    let inside = context(&User::inside());
    assert!(peer.is_on("boolean", &inside) && !peer.is_on("dark", &inside), "{}: W1", P::NAME);
    if P::SKILL == Skill::Booleans {
        return;
    }
    let at_home = User { email: "ada@example.com".to_owned(), ..User::outside() };
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
