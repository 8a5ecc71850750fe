//! The same program without flags. Its panics all come from std.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

struct User {
    number: u64,
    plan: String,
}

#[inline(never)]
fn boolean() -> bool {
    black_box(false)
}

#[inline(never)]
fn percentage(number: u64) -> bool {
    black_box(number) > 100
}

#[inline(never)]
fn rules(user: &User) -> bool {
    black_box(&user.plan) == "beta"
}

fn main() -> ExitCode {
    let user = User { number: env::args().map(|_| 1).sum(), plan: env::args().next().unwrap_or_default() };
    ExitCode::from(u8::from(boolean()) + u8::from(percentage(user.number)) + u8::from(rules(&user)))
}
