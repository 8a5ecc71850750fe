//! What the tests of the storefront share.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Far longer than any step here needs, so that only a hang reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Returns the storefront's program. Cargo builds the examples of a package before its tests, in a neighbouring folder.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let program = profile.join("examples").join(format!("storefront{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "first run `cargo build --examples`");
    program
}
