//! A file that is empty, missing, a directory, a pipe, a socket, endless, huge, binary or in another encoding. The
//! status reports it, the flags stay, and the next valid file is loaded. Each case is tested at the start and as the
//! replacement of a valid file.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::memory::{Baseline, MIB};
use crate::support::{self, TestDir, document, in_own_process, is_on, last_error, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Builder, File, OnFailedStart};

/// Creates something at the path that is not a flag file.
type Spoil = fn(&Path);

/// Expects all of these words in the error.
fn check(test: &str, words: &[&str], spoil: Spoil) {
    check_within(16 * MIB, test, words, spoil);
}

/// Does the same as [`check`], with a limit for the memory growth in bytes.
fn check_within(limit: u64, test: &str, words: &[&str], spoil: Spoil) {
    if !in_own_process(module_path!(), test) {
        return;
    }
    let make_invalid = |path: &Path| {
        let _ = fs::remove_file(path);
        spoil(path);
    };
    let memory = Baseline::peak();
    for by_events in [true, false] {
        at_the_start(words, &make_invalid, by_events);
        as_a_replacement(words, &make_invalid, by_events);
    }
    memory.assert_growth_within(limit, test);
}

fn file(path: &Path, by_events: bool) -> File {
    let file = File::new(path);
    if by_events { file } else { file.notify(flagkit_sources::Notify::Off).poll_every(Duration::from_millis(20)) }
}

fn assert_contains(error: &str, words: &[&str]) {
    assert!(words.iter().all(|word| error.contains(word)), "{error:?} has not all of {words:?}");
}

fn at_the_start(words: &[&str], make_invalid: &dyn Fn(&Path), by_events: bool) {
    let folder = TestDir::new();
    let path = folder.flags();
    make_invalid(&path);
    let start = Builder::new().source(file(&path, by_events)).when_missing(OnFailedStart::Fail).start();
    let error = start.expect_err("the file is invalid");
    assert!(error.is_load());
    assert_eq!(error.failures().len(), 1);
    assert_contains(&error.to_string(), words);

    let guard = support::start(file(&path, by_events));
    assert_eq!(status(&guard).state, SourceState::Waiting);
    assert_eq!(status(&guard).loads, 0);
    assert_contains(&last_error(&guard).expect("an error"), words);
    repair(&path, &document("checkout", true));
    wait_until("what is there in the end is taken", || is_on(&guard, "checkout"));
    assert_eq!(status(&guard).state, SourceState::Fresh);
    assert_eq!(last_error(&guard), None);
    clear(&path);
}

fn as_a_replacement(words: &[&str], make_invalid: &dyn Fn(&Path), by_events: bool) {
    let folder = TestDir::new();
    let path = folder.flags();
    folder.write(document("checkout", true));
    let guard = support::start(file(&path, by_events));
    let before = status(&guard);
    make_invalid(&path);
    wait_until("the error is in the status", || {
        assert!(is_on(&guard, "checkout"));
        last_error(&guard).is_some_and(|error| words.iter().all(|word| error.contains(word)))
    });
    let after = status(&guard);
    assert_eq!((after.state, after.loads, after.flags), (SourceState::Stale, before.loads, before.flags));
    assert!(after.failures > before.failures);
    assert!(is_on(&guard, "checkout"));

    // The same text is no change, but the source recovers.
    repair(&path, &document("checkout", true));
    wait_for_state(&guard, SourceState::Fresh);
    make_invalid(&path);
    wait_for_state(&guard, SourceState::Stale);
    repair(&path, &document("checkout", false));
    wait_until("what is there in the end is taken", || !is_on(&guard, "checkout"));
    wait_for_state(&guard, SourceState::Fresh);
    clear(&path);
}

/// Creates a valid file, whatever the path held before.
fn repair(path: &Path, text: &str) {
    clear(path);
    let new = path.with_extension("new");
    fs::write(&new, text).expect("written");
    fs::rename(new, path).expect("moved");
}

fn clear(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        fs::remove_dir_all(path).expect("removed");
    }
}

#[test]
fn an_empty_file() {
    check("an_empty_file", &["the document is empty"], |path| fs::write(path, "").expect("written"));
}

#[test]
fn white_space() {
    check("white_space", &["the document is empty"], |path| fs::write(path, "\n  \n\t\n").expect("written"));
}

#[test]
fn no_file() {
    check("no_file", &["no such file"], |_| {});
}

#[test]
fn a_directory() {
    check("a_directory", &["got a directory"], |path| fs::create_dir(path).expect("made"));
}

#[test]
fn a_pipe() {
    check("a_pipe", &["pipe"], |path| {
        let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
        assert!(made.success());
    });
}

#[test]
fn a_socket() {
    // Opening a socket fails before its kind is known, so the message is the system's.
    check("a_socket", &["cannot open"], |path| drop(UnixListener::bind(path).expect("bound")));
}

#[test]
fn an_endless_device() {
    check("an_endless_device", &["device", "expected a file"], |path| symlink("/dev/zero", path).expect("linked"));
}

#[test]
fn ten_gigabytes_of_nothing() {
    check("ten_gigabytes_of_nothing", &["too large", "10737418240", "8388608"], |path| {
        fs::File::create(path).and_then(|file| file.set_len(10 << 30)).expect("made");
    });
}

#[test]
fn a_binary() {
    check("a_binary", &["not UTF-8"], |path| {
        fs::write(path, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\xff\xfe").expect("written");
    });
}

/// Half a megabyte of the worst case: two tokens per line, for which the parser needs a hundred times their length
/// before it finds the first error. The errors themselves are bounded.
#[test]
fn a_text_that_is_nothing() {
    check_within(96 * MIB, "a_text_that_is_nothing", &["not well-formed TOML"], |path| {
        fs::write(path, "=\n".repeat(1 << 18)).expect("written");
    });
}

#[test]
fn another_encoding() {
    check("another_encoding", &["not UTF-8", "UTF-16"], |path| {
        let utf16: Vec<u8> = "\u{feff}[flags]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(path, utf16).expect("written");
    });
}

#[test]
fn a_text_that_is_cut_off() {
    check("a_text_that_is_cut_off", &["not well-formed TOML", "2:5"], |path| {
        fs::write(path, "[flags]\na = tru").expect("written");
    });
}

#[test]
fn a_link_to_nowhere() {
    check("a_link_to_nowhere", &["no such file"], |path| symlink("nowhere.toml", path).expect("linked"));
}

#[test]
fn a_link_to_itself() {
    check("a_link_to_itself", &["cannot open"], |path| symlink("flags.toml", path).expect("linked"));
}

#[test]
fn two_links_to_each_other() {
    check("two_links_to_each_other", &["cannot open"], |path| {
        let other = path.with_extension("other");
        let _ = fs::remove_file(&other);
        symlink("flags.toml", &other).expect("linked");
        symlink("flags.other", path).expect("linked");
    });
}

/// The limit is exact: one byte decides.
#[test]
fn a_file_one_byte_beyond_the_limit() {
    let folder = TestDir::new();
    let text = document("checkout", true);
    folder.write(&text);
    let limit = |max| support::start(File::new(folder.flags()).max_len(max));
    let len = u64::try_from(text.len()).expect("small");
    assert!(is_on(&limit(len), "checkout"));
    let guard = limit(len - 1);
    assert!(!is_on(&guard, "checkout"));
    assert_contains(&last_error(&guard).expect("an error"), &["too large"]);
}

/// A reader that waits would hang on a pipe with an open and silent writer.
#[test]
fn a_pipe_with_a_silent_writer_blocks_no_caller() {
    let folder = TestDir::new();
    let made = Command::new("mkfifo").arg(folder.flags()).status().expect("mkfifo runs");
    assert!(made.success());
    let _both_ends = fs::File::options().read(true).write(true).open(folder.flags()).expect("opened");
    let start = Instant::now();
    let guard = support::start(File::new(folder.flags()));
    assert!(start.elapsed() < support::DEADLINE / 5, "the start took {:?}", start.elapsed());
    assert_eq!(status(&guard).state, SourceState::Waiting);
    drop(guard);
}
