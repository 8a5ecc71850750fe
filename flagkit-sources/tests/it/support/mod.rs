//! Helpers of all tests: a flag file in a temporary directory, waits with a deadline, and children that run one test.

#![allow(dead_code, unreachable_pub)] // each test uses a part of it, and is a crate of its own

#[cfg(feature = "approvals")]
pub mod approvals;
#[cfg(feature = "http")]
pub mod flood;
pub mod memory;
#[cfg(all(unix, feature = "http"))]
pub mod nginx;
#[cfg(unix)]
pub mod program;
pub mod question;
pub mod quote;
#[cfg(all(unix, feature = "approvals"))]
pub mod ssh_keygen;
#[cfg(feature = "http")]
pub mod stored;
#[cfg(feature = "http")]
pub mod streams;
#[cfg(feature = "http")]
pub mod stub;

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Source};
use flagkit_core::tooling::{SourceState, SourceStatus};
use flagkit_core::{Event, Flag, FlagKey, FlagSet, Subscription};
use flagkit_sources::{Builder, File, Guard, Notify, OnFailedStart};
use tempfile::TempDir;

/// Only a hang reaches this deadline, even on a machine that has hardly any time for the test.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// Far less than the timeouts of any request in progress when a guard is stopped.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until the condition holds. Panics with `what` if it does not within the [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(1));
    }
    start.elapsed()
}

/// A temporary directory, usually with a flag file.
pub struct TestDir {
    dir: TempDir,
}

impl TestDir {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn flags(&self) -> PathBuf {
        self.path("flags.toml")
    }

    /// Writes `flags.toml` in place.
    pub fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.flags(), text).expect("the file can be written");
    }

    /// Moves a new file over `flags.toml`.
    pub fn replace(&self, text: impl AsRef<[u8]>) {
        let new = self.path(".flags.toml.new");
        std::fs::write(&new, text).expect("the file can be written");
        std::fs::rename(new, self.flags()).expect("the file can be moved");
    }
}

/// Rewrites a file in place by one system call that does not truncate it first.
///
/// A truncated file is empty for as long as this thread is stopped, and an empty file is a failed load.
pub fn rewrite_at_once(path: &Path, text: &str) {
    let old_len = usize::try_from(std::fs::metadata(path).expect("a file").len()).expect("small");
    let padded = format!("{text}{:\n<1$}", "", old_len.saturating_sub(text.len()));
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("opened");
    assert_eq!(file.write(padded.as_bytes()).expect("written"), padded.len());
}

/// A document with one flag.
pub fn document(key: &str, on: bool) -> String {
    format!("[flags]\n{key} = {on}\n")
}

/// Follows a file by events, with the default polling interval.
pub fn follow(path: &Path) -> Guard {
    start(File::new(path))
}

/// Follows a file by polling only.
pub fn poll(path: &Path, interval: Duration) -> Guard {
    start(File::new(path).notify(Notify::Off).poll_every(interval))
}

pub fn start(file: File) -> Guard {
    builder().source(file).when_invalid(OnFailedStart::StayDark).start().expect("starts dark at worst")
}

/// A builder with a start that waits for the first loads, also on a machine that is busy with other work.
pub fn builder() -> Builder {
    Builder::new().startup_timeout(DEADLINE)
}

pub fn is_on(guard: &Guard, key: &str) -> bool {
    guard.flags().is_on(key, &())
}

/// Returns the status of the lowest layer.
pub fn status(guard: &Guard) -> SourceStatus {
    guard.flags().status().sources.remove(0)
}

/// The error of the lowest layer, as printed, if there is one.
pub fn last_error(guard: &Guard) -> Option<String> {
    status(guard).last_error.map(|error| error.to_string())
}

/// Waits until the lowest layer has this state.
pub fn wait_for_state(guard: &Guard, state: SourceState) {
    wait_until(&format!("{state:?}"), || status(guard).state == state);
}

/// Checks for a while that the condition holds.
pub fn holds_for(duration: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < duration {
        assert!(condition(), "after {:?} no longer: {what}", start.elapsed());
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Counts the change events that a subscriber receives.
pub struct Changes {
    count: Arc<AtomicUsize>,
    _subscription: Subscription,
}

impl Changes {
    pub fn of(guard: &Guard) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let subscription = guard.flags().subscribe(move |event| {
            if matches!(event, Event::Changed(_)) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { count, _subscription: subscription }
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// A reproducible sequence of pseudo-random numbers (Knuth's MMIX constants).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `end - 1`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Sleeps for at least this time.
pub fn pause(duration: Duration) {
    let end = Instant::now() + duration;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::sleep(left);
    }
}

/// A source made of closures.
pub struct Custom<L, R> {
    pub load: L,
    pub run: R,
}

impl<L, R> Source for Custom<L, R>
where
    L: FnMut() -> Result<Load, LoadError> + Send + 'static,
    R: FnMut(&Publisher) + Send + 'static,
{
    fn provenance(&self) -> Provenance {
        Provenance::new("custom:test")
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        (self.load)()
    }

    fn run(&mut self, publisher: &Publisher) {
        (self.run)(publisher);
    }
}

/// Flags that are all on.
pub fn lit(keys: &[&str]) -> FlagSet {
    keys.iter().map(|key| (FlagKey::new(key).expect("a key"), Flag::on())).collect()
}

/// The full name of a test of this module in the test harness, which is `module_path!()` where the test is.
pub fn test_name(module: &str, test: &str) -> String {
    // The harness leaves out the name of the binary.
    match module.split_once("::") {
        Some((_, module)) => format!("{module}::{test}"),
        None => test.to_owned(),
    }
}

/// Returns whether this process runs one test only. If it does not, runs this test in a child that does, and expects
/// it to pass there; the caller then returns. Tests that measure or change their process begin with this.
pub fn in_own_process(module: &str, test: &str) -> bool {
    const CHILD: &str = "FLAGKIT_TEST_OWN_PROCESS";
    let is_only_test = env::var_os(CHILD).is_some();
    if !is_only_test {
        in_a_child(module, test, &env::temp_dir(), &[(OsStr::new(CHILD), OsStr::new("1"))]);
    }
    is_only_test
}

/// Runs one test of this binary again as a child, with `variables` set, and expects it to pass there. The test itself
/// checks one of these variables to find out whether it is the child. `module` is `module_path!()` where the test is.
///
/// Returns what the child wrote to standard error.
pub fn in_a_child(module: &str, test: &str, dir: &Path, variables: &[(&OsStr, &OsStr)]) -> String {
    let output = Command::new(env::current_exe().expect("this binary"))
        .args(["--exact", &test_name(module, test), "--include-ignored", "--nocapture", "--test-threads=1"])
        .current_dir(dir)
        .envs(variables.iter().copied())
        .output()
        .expect("the child starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the child ran no test:\n{stdout}");
    stderr.into_owned()
}

/// Returns whether this process is the child of a test.
pub fn is_child() -> bool {
    env::var_os("FLAGKIT_TEST_CHILD").is_some()
}

/// Runs the test again as a child with these variables and without the proxies of the environment.
pub fn child(module: &str, test: &str, dir: &Path, variables: &[(&str, &OsStr)]) {
    let mut all = vec![(OsStr::new("FLAGKIT_TEST_CHILD"), OsStr::new("1"))];
    // The proxies of the test environment must not apply. An empty variable counts as unset.
    let proxies = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
    all.extend(proxies.into_iter().chain(["NO_PROXY", "no_proxy"]).map(|name| (OsStr::new(name), OsStr::new(""))));
    all.extend(variables.iter().map(|(name, value)| (OsStr::new(*name), *value)));
    in_a_child(module, test, dir, &all);
}

/// A variable that the parent has set.
pub fn variable(name: &str) -> String {
    env::var(name).expect("the parent has set it")
}
