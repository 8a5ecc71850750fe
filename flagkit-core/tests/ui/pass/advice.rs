//! Types the advice of each error in this folder. A test checks that the quoted errors exist.

use flagkit_core::{Attribute, Context, Flags, Subject, Value};

// Advice: such as "new-checkout"
fn key() -> bool {
    flagkit_core::flag!("new-checkout")
}

// Advice: for a key that is known only at run time, call a method of `Flags`
fn key_at_run_time(flags: &Flags, key: &str, user: &Context) -> bool {
    flags.is_on(key, user) && flags.variant(key, user).is_some()
}

// Advice: expected `, "key"` after the handle
// Advice: `flag!(in flags, "key", …)` takes the handle first
// Advice: expected `Flags`, `Snapshot`, or a pointer to one
fn handle(flags: &Flags) -> bool {
    flagkit_core::flag!(in flags, "key")
        && flagkit_core::flag!(in flags.snapshot(), "key", "user-1")
        && flagkit_core::flag!(in Box::new(flags.clone()), "key", id = 1)
}

// Advice: `variant!` needs a subject; pass it after the key: `variant!("theme", &user)`
fn variant(user: &Context) -> bool {
    flagkit_core::variant!("theme", &user).is_some()
}

// Advice: expected one subject; write attributes as `id = …, name = …`
// Advice: expected `name = value`
fn attributes() -> bool {
    flagkit_core::flag!("key", id = 17, name = "Ada")
}

// Advice: pass an id (`user.id`), fields (`id = user.id, plan = user.plan`), or derive `flagkit_core::Subject`
#[derive(flagkit_core::Subject)]
struct User {
    #[subject(id)]
    id: u64,
    plan: &'static str,
}

fn subject(user: &User) -> bool {
    flagkit_core::flag!("key", user.id)
        && flagkit_core::flag!("key", id = user.id, plan = user.plan)
        && flagkit_core::flag!("key", user)
}

// Advice: derive or implement `flagkit_core::Attribute` for `Tier`, or pass a text or a number made from it
// Advice: cannot derive `Subject`: it is for structs; for an enum that is an attribute, derive `Attribute`
#[derive(Attribute)]
enum Tier {
    Free,
    // Advice: expected `rename = "…"`
    #[attribute(rename = "pro")]
    Paid,
}

// Advice: cannot derive `Attribute`: a variant with fields has no text; implement it by hand
enum Seats {
    Unlimited,
    Some(u32),
}

impl Attribute for Seats {
    fn value(&self) -> Option<Value<'_>> {
        match self {
            Self::Unlimited => None,
            Self::Some(seats) => seats.value(),
        }
    }
}

// Advice: add it to the field that distinguishes subjects, or write `#[subject(anonymous)]` on the struct
#[derive(Subject)]
#[subject(anonymous)]
struct Visit {
    plan: Tier,
    seats: Seats,
    // Advice: expected `id`, `rename = "…"`, `skip`, `text`, `nested` or `flatten`
    #[subject(rename = "site")]
    _host: &'static str,
    #[subject(text)]
    path: String,
    #[subject(skip)]
    _started: std::time::Instant,
    // Advice: derive `Subject` for a struct with several and nest it with `#[subject(nested)]`
    #[subject(nested)]
    account: Account,
    #[subject(flatten)]
    user: User,
}

// Advice: expected `crate = "…"` or `anonymous`
// Advice: expected a path such as `path::to::flagkit_core`
#[derive(Subject)]
#[subject(crate = "::flagkit_core")]
// Advice: expected `#[subject(rename = "…")]`, `id` or `skip` on a field without a name
struct Account(#[subject(id)] u64, #[subject(rename = "seats")] u32, #[subject(skip)] ());

fn main() {
    let (user, flags) = (User { id: 1, plan: "free" }, Flags::new());
    let visit = Visit {
        plan: Tier::Paid,
        seats: Seats::Some(3),
        _host: "a",
        path: "/".into(),
        _started: std::time::Instant::now(),
        account: Account(1, 2, ()),
        user: User { id: 2, plan: "pro" },
    };
    let dark = [key(), handle(&flags), variant(&Context::new("u")), attributes(), subject(&user)];
    assert_eq!(dark, [false; 5]);
    assert!(!key_at_run_time(&flags, "key", &Context::new("u")) && visit.id().is_none());
    let _ = (Tier::Free, Seats::Unlimited);
}
