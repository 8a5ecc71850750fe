//! What is asked of a peer, and that it does what is asked.

use std::any::Any;
use std::hint::black_box;
use std::sync::Arc;

use benches::case::Case;
use benches::works::targeting::User;

/// An engine or a facade, with its flags loaded.
pub(crate) trait Peer: Clone + Send + Sync + 'static {
    /// Its crate, and which version.
    const NAME: &'static str;
    /// What it can do: a facade has no rules of its own, and does W1 alone.
    const SKILL: Skill = Skill::Rules;
    /// Whom it is asked for.
    type Context: 'static;

    /// The flags that are asked for, among so many booleans, in the form in which it takes them.
    fn document(others: usize) -> String;
    /// From the document to where it answers.
    fn load(document: &str) -> Self;
    /// Makes a context of a user, as for a request.
    fn context(&self, user: &User) -> Self::Context;
    /// W1 to W3: whether the flag is on.
    fn is_on(&self, flag: &str, context: &Self::Context) -> bool;
    /// W4: which of four variants.
    fn variant(&self, context: &Self::Context) -> String;
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skill {
    Rules,
    Booleans,
}

/// Makes a case on the thread that will run it.
pub(crate) type Make = Arc<dyn Fn() -> Case + Send + Sync>;

/// Loads a document; what it made is dropped with what is returned.
pub(crate) type Load = fn(&str) -> Box<dyn Any>;

/// A peer, with its type forgotten.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) skill: Skill,
    /// Finds out whether it does the work.
    pub(crate) check: Box<dyn Fn()>,
    /// The ways to do one of the works with it.
    pub(crate) cases: Box<dyn Fn(&'static str) -> Vec<Case>>,
    /// One of the works, its context made before.
    pub(crate) on_threads: Box<dyn Fn(&'static str) -> Make>,
    /// The document of so many flags.
    pub(crate) document: fn(usize) -> String,
    pub(crate) load: Load,
}

/// How many other flags there are in W1 to W5.
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

/// From a user, and with the context made before.
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

/// That it does the work: answers that are known, and shares that are about right.
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
