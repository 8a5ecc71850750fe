//! Programs of the system that some tests need.

use std::env;
use std::io::Write as _;
use std::path::PathBuf;

/// Returns the path of a program, if it is installed. In CI it must be installed.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Some users lack the directories of system programs in their PATH.
    let directories = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = directories.map(|directory| directory.join(name)).find(|path| path.is_file());
    if found.is_none() {
        let thread = std::thread::current();
        let message = format!("SKIPPED: {}: {name} is not installed", thread.name().unwrap_or("a test"));
        assert!(env::var_os("CI").is_none(), "{message}");
        // `println!` would be captured when a test passes.
        let _ = writeln!(std::io::stderr(), "\n{message}\n");
    }
    found
}
