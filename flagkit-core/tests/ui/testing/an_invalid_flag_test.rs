//! Each mistake is reported at its own position, even several in one attribute.
use flagkit_core::testing::flag_test;

#[flag_test("a", "a", on("no key"), off("-b"))]
fn keys(argument: bool) {}

#[flag_test]
fn no_flags() {}

#[flag_test("a", "b", "c", "d", "e", "f", "g", on("h"))]
fn too_many() {}

#[flag_test(maybe("a"))]
fn no_such_word() {}

#[flag_test("a")]
struct NoFunction;

#[flag_test("a")]
unsafe fn of_a_type<T>() {}

#[flag_test("a")]
#[ignore = "slow"]
async fn of_no_runtime() {}

fn main() {}
