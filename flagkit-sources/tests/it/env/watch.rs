//! `FLAG_NEW_CHECKOUT=on` turns on `flag!("new-checkout")` in a program that calls `watch` and has no file yet.
//! Installed flags belong to the whole process, so the program is a child.

use std::env;
use std::ffi::OsStr;

use crate::support::{TestDir, in_a_child, wait_until};
use flagkit_core::flag;

const FILE: &str = "THE_FLAG_FILE_OF_THE_CHILD";

#[test]
fn watch_without_a_file() {
    if let Some(path) = env::var_os(FILE) {
        return child(path.as_ref());
    }
    let folder = TestDir::new();
    #[allow(unused_mut)]
    let mut variables = vec![
        (OsStr::new(FILE), folder.flags().into_os_string()),
        (OsStr::new("FLAG_NEW_CHECKOUT"), "on".into()),
        (OsStr::new("FLAG_OLD_BANNER"), "off".into()),
        (OsStr::new("FLAG_SEARCH_V2"), "25%".into()),
        (OsStr::new("FLAG_INVALID"), "maybe".into()),
    ];
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        variables.push((OsStr::from_bytes(b"FLAG_\xff\xfe"), OsStr::from_bytes(b"on").into()));
        variables.push((OsStr::new("FLAG_NOT_UTF_8"), OsStr::from_bytes(b"\xff\xfe").into()));
        variables.push((OsStr::from_bytes(b"NOT_OURS_\xff"), OsStr::from_bytes(b"\xff").into()));
    }
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    in_a_child(module_path!(), "watch_without_a_file", &env::temp_dir(), &variables);
}

fn child(path: &std::path::Path) {
    assert!(!flag!("new-checkout"), "nothing is installed");
    let guard = flagkit_sources::watch(path).expect("starts without the file");
    assert!(flag!("new-checkout"));
    assert!(!flag!("old-banner") && !flag!("invalid") && !flag!("not-utf-8") && !flag!("never-mentioned"));
    let lit = (0..1_000_u32).filter(|id| flag!("search-v2", *id)).count();
    assert!((150..350).contains(&lit), "{lit} of 1000");
    let problems = guard.flags().status().sources.remove(1).problems;
    assert_eq!(problems.len(), if cfg!(unix) { 3 } else { 1 }, "{problems:?}");

    std::fs::write(path, "[flags]\nnew-checkout = false\nfrom-the-file = true\nold-banner = true\n").expect("written");
    wait_until("the file is taken in", || flag!("from-the-file"));
    assert!(flag!("new-checkout") && !flag!("old-banner"), "the variables lie above");

    let error = flagkit_sources::watch(path).expect_err("flags are installed already");
    assert!(error.is_installed() && !error.is_load());
    std::fs::write(path, "[flags]\nlater = true\n").expect("written");
    wait_until("the first guard is still at work", || flag!("later"));
    drop(guard);
    assert!(flag!("new-checkout") && flag!("later"), "the flags stay as they were");
}
