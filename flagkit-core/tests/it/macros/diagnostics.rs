//! Each mistake in a use of `flag!` or a derive is one compile error, at the token that causes it.
//!
//! rustc reports wrong types, and its wording depends on the version. After an update of the toolchain, review the
//! differences, then run the test with `TRYBUILD=overwrite`.

use std::fs;
use std::path::PathBuf;

#[test]
fn each_mistake_has_its_own_compile_error() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/ui/pass/*.rs");
    #[cfg(feature = "testing")]
    {
        cases.compile_fail("tests/ui/testing/*.rs");
        cases.pass("tests/ui/testing/pass/*.rs");
    }
}

/// The advice that `advice.rs` types is that of the errors.
#[test]
fn every_typed_advice_is_that_of_an_error() {
    for (folder, pass) in [("tests/ui", "tests/ui/pass"), ("tests/ui/testing", "tests/ui/testing/pass")] {
        let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let is_errors = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "stderr");
        let errors: String = files.filter(is_errors).map(|path| fs::read_to_string(path).expect("a file")).collect();
        let typed = fs::read_to_string(format!("{pass}/advice.rs")).expect("a file");
        let advice: Vec<&str> = typed.lines().filter_map(|line| line.trim().strip_prefix("// Advice: ")).collect();
        assert!(advice.len() > 3, "{pass}");
        for advice in advice {
            assert!(errors.contains(advice), "no error in {folder} says: {advice}");
        }
    }
}
