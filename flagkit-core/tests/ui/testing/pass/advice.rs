//! Types the advice of each error about `#[flag_test]`. A test checks that the quoted errors exist.

#![allow(unused_imports)]

use flagkit_core::testing::flag_test;

// Advice: expected flags, such as `#[flag_test("new-checkout")]`
#[flag_test("new-checkout")]
fn both_ways() {}

// Advice: pin some with `on(…)` or `off(…)`
// Advice: expected a flag's key, `on("key")` or `off("key")`
#[flag_test("a", "b", "c", "d", "e", "f", on("g"), off("h", "i"))]
fn many() {}

// Advice: expected the attribute of a runtime below this one, such as `#[tokio::test]`, for an async test
#[flag_test("new-checkout")]
#[tokio::test]
async fn of_a_runtime() {}

fn main() {}
