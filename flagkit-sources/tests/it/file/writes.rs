//! Every way in which people, editors, scripts and Kubernetes replace a file, a hundred times each. Each change is
//! detected by events, and by the poll only.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{self, TestDir, document, is_on, wait_until};
use flagkit_sources::Guard;

/// The path to follow, and a function that writes the n-th text there.
type Writer = (PathBuf, Box<dyn Fn(usize, &str)>);

/// Prepares a directory for one way of writing.
type Style = fn(&TestDir) -> Writer;

fn in_place(folder: &TestDir) -> Writer {
    let path = folder.flags();
    (path.clone(), Box::new(move |_, text| fs::write(&path, text).expect("written")))
}

fn mv(folder: &TestDir) -> Writer {
    let (path, new) = (folder.flags(), folder.path("new"));
    let target = path.clone();
    let write = move |_, text: &str| {
        fs::write(&new, text).expect("written");
        fs::rename(&new, &target).expect("moved");
    };
    (path, Box::new(write))
}

fn vim(folder: &TestDir) -> Writer {
    let (path, backup) = (folder.flags(), folder.path("flags.toml~"));
    let target = path.clone();
    let write = move |n, text: &str| {
        if n > 0 {
            fs::rename(&target, &backup).expect("moved away");
        }
        fs::write(&target, text).expect("written");
        if n > 0 {
            fs::remove_file(&backup).expect("removed");
        }
    };
    (path, Box::new(write))
}

fn delete_and_recreate(folder: &TestDir) -> Writer {
    let path = folder.flags();
    let target = path.clone();
    let write = move |n, text: &str| {
        if n > 0 {
            fs::remove_file(&target).expect("removed");
        }
        fs::write(&target, text).expect("written");
    };
    (path, Box::new(write))
}

/// `flags.toml -> ..data/flags.toml`, `..data -> ..n`: a new link is moved over `..data`, then the old directory is
/// removed.
fn config_map(folder: &TestDir) -> Writer {
    let base = folder.path("mount");
    fs::create_dir(&base).expect("a directory");
    symlink("..data/flags.toml", base.join("flags.toml")).expect("a link");
    let path = base.join("flags.toml");
    let write = move |n: usize, text: &str| {
        let version = base.join(format!("..{n}"));
        fs::create_dir(&version).expect("a directory");
        fs::write(version.join("flags.toml"), text).expect("written");
        symlink(format!("..{n}"), base.join("..data_tmp")).expect("a link");
        fs::rename(base.join("..data_tmp"), base.join("..data")).expect("moved");
        if n > 0 {
            fs::remove_dir_all(base.join(format!("..{}", n - 1))).expect("removed");
        }
    };
    (path, Box::new(write))
}

/// `current -> release-n`, and the path contains `current`.
fn release_directory(folder: &TestDir) -> Writer {
    let base = folder.path("releases");
    fs::create_dir(&base).expect("a directory");
    let path = base.join("current/flags.toml");
    let write = move |n: usize, text: &str| {
        let release = base.join(format!("release-{n}"));
        fs::create_dir(&release).expect("a directory");
        fs::write(release.join("flags.toml"), text).expect("written");
        symlink(format!("release-{n}"), base.join("next")).expect("a link");
        fs::rename(base.join("next"), base.join("current")).expect("moved");
    };
    (path, Box::new(write))
}

/// A link to a file in another directory, which is rewritten there.
fn behind_a_link(folder: &TestDir) -> Writer {
    let (link, elsewhere) = (folder.flags(), folder.path("elsewhere"));
    fs::create_dir(&elsewhere).expect("a directory");
    symlink("elsewhere/real.toml", &link).expect("a link");
    let write = move |n: usize, text: &str| {
        let (real, new) = (elsewhere.join("real.toml"), elsewhere.join("new"));
        if n % 2 == 0 {
            fs::write(real, text).expect("written");
        } else {
            fs::write(&new, text).expect("written");
            fs::rename(new, real).expect("moved");
        }
    };
    (link, Box::new(write))
}

/// The same size, and the modification time is restored.
fn same_size_same_time(folder: &TestDir) -> Writer {
    let path = folder.flags();
    let target = path.clone();
    let write = move |_, text: &str| {
        fs::write(&target, text).expect("written");
        let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options().write(true).open(&target).and_then(|file| file.set_modified(time)).expect("set");
    };
    (path, Box::new(write))
}

/// The whole directory is moved away and replaced.
fn directory_replaced(folder: &TestDir) -> Writer {
    let (dir, next) = (folder.path("etc"), folder.path("etc.next"));
    let path = dir.join("flags.toml");
    let base = folder.path("old");
    fs::create_dir(&base).expect("a directory");
    let write = move |n: usize, text: &str| {
        fs::create_dir(&next).expect("a directory");
        fs::write(next.join("flags.toml"), text).expect("written");
        if n > 0 {
            fs::rename(&dir, base.join(n.to_string())).expect("moved away");
        }
        fs::rename(&next, &dir).expect("moved in");
    };
    (path, Box::new(write))
}

/// Both texts have the same length.
fn text(on: bool) -> String {
    let padding = if on { " " } else { "" };
    format!("{}#{padding}\n", document("checkout", on))
}

/// Flips the flag `times` times and waits for each flip to arrive.
fn check(style: Style, times: usize, start: impl FnOnce(PathBuf) -> Guard) {
    let folder = TestDir::new();
    let (path, write) = style(&folder);
    write(0, &text(false));
    let guard = start(path);
    assert!(!is_on(&guard, "checkout"));
    let mut delays: Vec<Duration> = (1..=times)
        .map(|n| {
            let on = n % 2 == 1;
            write(n, &text(on));
            wait_until(&format!("flip {n} of {times} is seen"), || is_on(&guard, "checkout") == on)
        })
        .collect();
    delays.sort_unstable();
    println!("{times} flips: median {:?}, longest {:?}", delays[times / 2], delays[times - 1]);
}

macro_rules! styles {
    ($($style:ident)+) => {
        mod by_events {
            use super::*;
            $(#[test]
            fn $style() {
                check(super::$style, 100, |path| crate::support::follow(&path));
            })+
        }

        mod by_polling_only {
            use super::*;
            $(#[test]
            fn $style() {
                check(super::$style, 10, |path| crate::support::poll(&path, Duration::from_millis(50)));
            })+
        }
    };
}

styles! {
    in_place mv vim delete_and_recreate config_map release_directory behind_a_link same_size_same_time
}

/// No event reports it. The poll checks the directories again.
#[test]
fn a_replaced_directory_is_detected_by_the_poll() {
    check(directory_replaced, 10, |path| {
        support::start(flagkit_sources::File::new(path).poll_every(Duration::from_millis(50)))
    });
}
