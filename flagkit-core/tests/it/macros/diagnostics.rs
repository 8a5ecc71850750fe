//! Each mistake in a call of `flag!` is explained at the token it is about, and no more than the mistakes is an error.
//!
//! Where rustc itself explains (wrong types), the wording depends on its version: after an update of the toolchain look
//! at the differences, then run with `TRYBUILD=overwrite`.

#[test]
fn each_mistake_has_its_own_compile_error() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/ui/pass/*.rs");
    #[cfg(feature = "testing")]
    cases.compile_fail("tests/ui/testing/*.rs");
}
