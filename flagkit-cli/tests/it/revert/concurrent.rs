//! Concurrent reverts of one file through several paths: none of them is lost.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::thread;

use crate::support::Folder;

/// Reverts two flags at the same time through two paths, several times.
#[track_caller]
fn check(link: impl Fn(&Folder, &str)) {
    for _ in 0..5 {
        let mut text = String::from("[flags]\nx = true\ny = true\n");
        for n in 0..500 {
            let _ = writeln!(text, "f{n} = true");
        }
        let folder = Folder::with("shared/flags.toml", &text);
        for name in ["a", "b"] {
            fs::create_dir(folder.path(name)).expect("a folder");
            link(&folder, &format!("{name}/flags.toml"));
        }
        thread::scope(|scope| {
            for (file, flag) in [("a/flags.toml", "x"), ("b/flags.toml", "y")] {
                let folder = &folder;
                scope.spawn(move || {
                    let ran = folder.run(&["--file", file, "revert", flag]);
                    assert_eq!(ran.code, 0, "{ran:?}");
                });
            }
        });
        let text = folder.read("shared/flags.toml");
        assert!(text.contains("x = false\ny = false\n"), "{}", &text[..40]);
    }
}

#[test]
fn symbolic_links() {
    check(|folder, name| symlink("../shared/flags.toml", folder.path(name)).expect("a link"));
}

#[test]
fn hard_links() {
    check(|folder, name| fs::hard_link(folder.path("shared/flags.toml"), folder.path(name)).expect("a link"));
}
