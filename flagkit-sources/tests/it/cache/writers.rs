//! Many writers at once, some of them killed, leave a cached document that is whole.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::{cache, cached, names};
use crate::support::{Random, TestDir, pause, test_name};
use flagkit_sources::CachedDocument;

const WRITER: &str = "FLAGKIT_TEST_WRITER";
const KEEPS: &str = "FLAGKIT_TEST_KEEPS";
const STARTED: &str = "the writer keeps from now on";

/// A document in which each part identifies the whole, with a size of its own.
fn numbered(writer: u64, number: u64) -> CachedDocument {
    let lines = (writer * 7_919 + number * 104_729) % 6_000;
    let mut text = String::new();
    for line in 0..=lines {
        writeln!(text, "# {writer} {number} {line} of {lines}").expect("a string takes all");
    }
    cached(text, Some(&format!("\"{writer}-{number}\"")))
}

/// Panics unless it is one of these documents, complete.
fn assert_whole(cached: &CachedDocument) {
    let tag = cached.tag.as_deref().expect("each has a tag").trim_matches('"');
    let (writer, number) = tag.split_once('-').expect("two numbers");
    let expected = numbered(writer.parse().expect("a number"), number.parse().expect("a number"));
    assert!(*cached == expected, "{tag}: {} bytes instead of {}", cached.bytes.len(), expected.bytes.len());
}

/// A writer: stores documents until it is killed, or has stored the requested number.
fn write(path: &Path) {
    let cache = cache(path);
    let most = env::var(KEEPS).ok().map_or(u64::MAX, |keeps| keeps.parse().expect("a number"));
    // Another process may have had the same process id.
    let writer = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_micros() % 1_000_000_007;
    let writer = u64::try_from(writer).expect("small");
    println!("\n{STARTED}");
    for number in 0..most {
        cache.store(&numbered(writer, number)).expect("it can be stored");
    }
}

/// A writer that has started.
fn spawn(program: &[&OsStr], test: &str, path: &Path, variables: &[(&str, &str)]) -> Child {
    let binary = env::current_exe().expect("this binary");
    let words: Vec<&OsStr> = program.iter().copied().chain([binary.as_os_str()]).collect();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .args(["--exact", &test_name(module_path!(), test), "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(WRITER, path)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the writer starts");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text") == STARTED), "the writer reports its start");
    child
}

/// Loads until no writer is left. Every load after the first success returns one whole document.
fn load_until(path: &Path, mut is_over: impl FnMut() -> bool) -> BTreeSet<String> {
    let cache = cache(path);
    let (mut seen, mut loads) = (BTreeSet::new(), 0_u64);
    while !is_over() {
        if let Some(cached) = cache.load() {
            assert_whole(&cached);
            seen.insert(cached.tag.expect("checked"));
        } else {
            assert!(seen.is_empty(), "nothing after {loads} loads of {} documents", seen.len());
        }
        loads += 1;
    }
    println!("{loads} loads, {} documents", seen.len());
    assert!(cache.load().is_some(), "there is one in the end");
    seen
}

#[test]
fn killed_writers_leave_a_whole_version() {
    const WRITERS: u64 = 4;
    const TEST: &str = "killed_writers_leave_a_whole_version";
    if let Some(path) = env::var_os(WRITER) {
        return write(path.as_ref());
    }
    let kills: u64 = env::var("FLAGKIT_ROUNDS").ok().map_or(1_000, |rounds| rounds.parse().expect("a number"));
    let (folder, begin) = (TestDir::new(), Instant::now());
    let (path, killed) = (folder.path("flags.cache"), AtomicU64::new(0));
    let seen = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|slot| {
                let (path, killed) = (&path, &killed);
                scope.spawn(move || {
                    let mut random = Random::new(slot + 1);
                    // Each writer counts by itself, so that a panic in one does not keep the others running.
                    for _ in 0..kills.div_ceil(WRITERS) {
                        let mut writer = spawn(&[], TEST, path, &[]);
                        pause(Duration::from_micros(1_000 + random.below(9_000)));
                        writer.kill().expect("it can be killed");
                        let status = writer.wait().expect("it has ended");
                        assert!(status.code().is_none(), "it went on until it was killed: {status}");
                        killed.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        load_until(&path, || writers.iter().all(thread::ScopedJoinHandle::is_finished))
    });
    let left = names(path.parent().expect("a directory")).len() - 1;
    println!("{} kills in {:?}, {left} left temporary files", killed.into_inner(), begin.elapsed());
    // Otherwise the test has shown nothing.
    assert!(seen.len() > 1, "{} documents", seen.len());
    assert!(left > 0, "no writer was killed at work");
}

/// Containers that share a volume have processes with the same id.
#[cfg(target_os = "linux")]
#[test]
fn writers_in_containers_do_not_disturb_each_other() {
    const TEST: &str = "writers_in_containers_do_not_disturb_each_other";
    if let Some(path) = env::var_os(WRITER) {
        return write(path.as_ref());
    }
    let container = ["unshare", "-Urpf"].map(OsStr::new);
    let probe = Command::new(container[0]).args(&container[1..]).arg("true").output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {TEST}: this system gives no namespaces of processes");
        return;
    }
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let path = &path;
                scope.spawn(move || spawn(&container, TEST, path, &[(KEEPS, "200")]).wait_with_output())
            })
            .collect();
        load_until(&path, || writers.iter().all(thread::ScopedJoinHandle::is_finished));
        for writer in writers {
            let output = writer.join().expect("it does not panic").expect("it ends");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    });
    assert_eq!(names(path.parent().expect("a directory")).len(), 1, "no temporary file is left");
}
