//! A pipe, a device, a huge file or a file of another user at the path is no cached document, and blocks no caller.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use super::{DOCUMENT, cache, cached, full};
use crate::support::{self, TestDir};
use xxhash_rust::xxh3::xxh3_128;

/// Calls both functions that open the file, and expects neither to hang nor to accept it.
fn assert_ignored(path: &Path, what: &str) {
    let (sender, results) = mpsc::channel();
    let cache = cache(path);
    thread::spawn(move || {
        let _ = sender.send((cache.load(), cache.touch(xxh3_128(DOCUMENT.as_bytes()), SystemTime::now()).is_ok()));
    });
    let result = results.recv_timeout(support::DEADLINE).unwrap_or_else(|_| panic!("{what}: it hangs"));
    assert_eq!(result, (None, false), "{what}");
}

/// Opening a pipe waits for its other end, and reading it waits for a writer that writes.
#[test]
fn a_pipe_or_device_instead_of_it_is_none_and_blocks_no_caller() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    assert_ignored(&path, "a pipe without another end");
    let both_ends = File::options().read(true).write(true).open(&path).expect("opened");
    assert_ignored(&path, "a pipe with a silent writer");
    drop(both_ends);
    cache(&path).store(&cached(DOCUMENT, None)).expect("it is replaced");
    assert!(cache(&path).load().is_some());
    for device in ["/dev/zero", "/dev/null", "/dev/full", "/dev/tty"] {
        fs::remove_file(&path).expect("it is ours");
        std::os::unix::fs::symlink(device, &path).expect("a link");
        assert_ignored(&path, device);
    }
    cache(&path).store(&cached(DOCUMENT, None)).expect("the link is replaced");
    assert!(cache(&path).load().is_some());
}

#[test]
fn a_file_of_ten_gigabytes_is_none() {
    let (_place, path, _) = full();
    assert!(cache(&path).load().is_some());
    File::options().write(true).open(&path).and_then(|file| file.set_len(10 << 30)).expect("a sparse file");
    assert_ignored(&path, "10 GB");
}

/// Another user could put a document there that turns flags on, or a file that must not be overwritten.
#[test]
fn a_file_that_other_users_may_have_written_is_neither_read_nor_overwritten() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    const NOBODY: u32 = 65_534;
    let (_place, path, bytes) = full();
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        assert_ignored(&path, &format!("the mode is {mode:o}"));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    assert!(cache(&path).load().is_some());
    if std::os::unix::fs::chown(&path, Some(NOBODY), None).is_err() {
        println!("SKIPPED: only the superuser can give a file to another user");
    } else if fs::metadata(&path).expect("it is there").uid() == NOBODY {
        assert_ignored(&path, "it belongs to another user");
    }
    assert!(fs::read(&path).expect("it is there") == bytes, "it is unchanged");
}
