//! Each mistake in a use of `flag!` or a derive is one compile error, at the token that causes it.
//!
//! rustc reports wrong types, and its wording depends on the version. After an update of the toolchain, review the
//! differences, then run the test with `TRYBUILD=overwrite`.

#[test]
fn each_mistake_has_its_own_compile_error() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/ui/pass/*.rs");
    #[cfg(feature = "testing")]
    cases.compile_fail("tests/ui/testing/*.rs");
}
