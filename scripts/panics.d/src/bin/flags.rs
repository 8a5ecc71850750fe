//! Reads a boolean, a percentage and a flag with rules, and does nothing else.

use std::env;
use std::process::ExitCode;

use flagkit_core::{Subject, flag};

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    plan: String,
}

#[inline(never)]
fn boolean() -> bool {
    flag!("new-checkout")
}

#[inline(never)]
fn percentage(number: u64) -> bool {
    flag!("search-v2", number)
}

#[inline(never)]
fn rules(user: &User) -> bool {
    flag!("beta-ui", user)
}

fn main() -> ExitCode {
    let user = User { number: env::args().map(|_| 1).sum(), plan: env::args().next().unwrap_or_default() };
    ExitCode::from(u8::from(boolean()) + u8::from(percentage(user.number)) + u8::from(rules(&user)))
}
