//! No watches, no inotify instances, a file mounted by itself, and a flood of events. Every change that can be detected
//! is detected, and a warning names what an operator can fix.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{self, TestDir, document, in_own_process, is_on, status, test_name, wait_for_state, wait_until};
use flagkit_core::Event;
use flagkit_core::tooling::SourceState;
use flagkit_sources::{File, Guard};

const CHILD: &str = "FLAGKIT_TEST_CHILD";

/// Returns the working directory in a child, and `None` in the parent.
fn folder_of_the_child() -> Option<std::path::PathBuf> {
    env::var_os(CHILD).map(Into::into)
}

/// Runs this test again as root of a new user namespace, after a script that changes settings of that namespace only.
/// If the kernel grants this user no namespace, it prints so and does nothing.
fn in_a_namespace(test: &str, folder: &TestDir, script: &str) {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", script]);
        command
    };
    match unshare("exit 0").output() {
        Ok(output) if output.status.success() => {}
        probe => {
            println!("SKIPPED: {test}: no namespaces for this user: {probe:?}");
            // The kernel or the container may forbid namespaces; that differs from a machine without the program.
            let is_forbidden = probe.is_ok_and(|output| {
                let words = String::from_utf8_lossy(&output.stderr).into_owned();
                words.contains("not permitted") || words.contains("denied") || words.contains("No space left")
            });
            assert!(is_forbidden || env::var_os("CI").is_none(), "SKIPPED in CI, where unshare is expected");
            return;
        }
    }
    let output = unshare(&format!("set -e\n{script}\nexec \"$0\" \"$@\""))
        .arg(env::current_exe().expect("this binary"))
        .args(["--exact", &test_name(module_path!(), test), "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder.path(""))
        .current_dir(folder.path(""))
        .output()
        .expect("the child starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the child ran no test:\n{stdout}");
}

fn follow(path: &Path) -> Guard {
    support::start(File::new(path).poll_every(Duration::from_millis(50)))
}

fn warnings(guard: &Guard) -> Vec<String> {
    status(guard).warnings.iter().map(ToString::to_string).collect()
}

/// Expects that the poll detects changes and that the one warning names the limit.
fn reloads_and_names(dir: &Path, limit: &str) {
    let path = dir.join("flags.toml");
    fs::write(&path, document("checkout", false)).expect("written");
    let guard = follow(&path);
    let (sender, events) = mpsc::channel();
    guard
        .flags()
        .subscribe(move |event| {
            if let Event::WarningsChanged(warning) = event {
                let _ = sender.send(warning.warnings.len());
            }
        })
        .forget();
    wait_until("the warning", || !warnings(&guard).is_empty());
    let first = warnings(&guard);
    assert!(first.len() == 1 && first[0].contains(limit) && first[0].contains("polling"), "{first:?}");
    let new = dir.join("new");
    for on in [true, false, true, false, true] {
        fs::write(&new, document("checkout", on)).expect("written");
        fs::rename(&new, &path).expect("moved");
        wait_until("the change is seen by the poll", || is_on(&guard, "checkout") == on);
        let confirmations = status(&guard).unchanged;
        wait_until("some checks", || status(&guard).unchanged > confirmations + 2);
        support::rewrite_at_once(&path, &document("checkout", !on));
        wait_until("the rewrite is seen by the poll", || is_on(&guard, "checkout") != on);
    }
    assert_eq!((status(&guard).state, status(&guard).failures), (SourceState::Fresh, 0));
    assert_eq!(warnings(&guard), first, "it stays as long as the limit does");
    assert!(events.try_iter().count() <= 1, "and is reported once");
}

#[test]
fn no_instance_is_left() {
    if let Some(dir) = folder_of_the_child() {
        return reloads_and_names(&dir, "fs.inotify.max_user_instances");
    }
    in_a_namespace("no_instance_is_left", &TestDir::new(), "echo 0 > /proc/sys/user/max_inotify_instances");
}

#[test]
fn no_watch_is_left() {
    if let Some(dir) = folder_of_the_child() {
        return reloads_and_names(&dir, "fs.inotify.max_user_watches");
    }
    in_a_namespace("no_watch_is_left", &TestDir::new(), "echo 0 > /proc/sys/user/max_inotify_watches");
}

/// The source takes a watch as soon as one is available, and the warning ends.
#[test]
fn a_watch_is_left_later() {
    const LIMIT: &str = "/proc/sys/user/max_inotify_watches";
    let Some(dir) = folder_of_the_child() else {
        return in_a_namespace("a_watch_is_left_later", &TestDir::new(), &format!("echo 0 > {LIMIT}"));
    };
    let path = dir.join("flags.toml");
    fs::write(&path, document("checkout", false)).expect("written");
    let guard = follow(&path);
    wait_until("the warning", || !warnings(&guard).is_empty());
    fs::write(LIMIT, "100").expect("we are root here");
    wait_until("the warning is over", || warnings(&guard).is_empty());
    fs::write(&path, document("checkout", true)).expect("written");
    wait_until("the change is seen", || is_on(&guard, "checkout"));
}

/// Only one of the two directories on the path can be watched.
#[test]
fn there_is_a_watch_for_one_of_two_directories() {
    let Some(dir) = folder_of_the_child() else {
        let script = "echo 1 > /proc/sys/user/max_inotify_watches";
        return in_a_namespace("there_is_a_watch_for_one_of_two_directories", &TestDir::new(), script);
    };
    fs::create_dir(dir.join("data")).expect("a directory");
    let (path, target) = (dir.join("flags.toml"), dir.join("data/real.toml"));
    fs::write(&target, document("checkout", false)).expect("written");
    std::os::unix::fs::symlink("data/real.toml", &path).expect("a link");
    let guard = follow(&path);
    wait_until("the warning", || !warnings(&guard).is_empty());
    assert!(warnings(&guard)[0].contains("fs.inotify.max_user_watches"), "{:?}", warnings(&guard));
    fs::write(&target, document("checkout", true)).expect("written");
    wait_until("the change is seen by the poll", || is_on(&guard, "checkout"));
    support::holds_for(Duration::from_millis(300), "the warning stays", || warnings(&guard).len() == 1);
}

#[test]
fn a_file_that_is_mounted_by_itself() {
    let Some(dir) = folder_of_the_child() else {
        let script = "mkdir volume\necho '[flags]' > volume/real.toml\n: > 'with a blank.toml'\n\
             mount --bind volume/real.toml 'with a blank.toml'";
        return in_a_namespace("a_file_that_is_mounted_by_itself", &TestDir::new(), script);
    };
    let (real, path) = (dir.join("volume/real.toml"), dir.join("with a blank.toml"));
    let guard = follow(&path);
    wait_until("the warning", || !warnings(&guard).is_empty());
    let shown = warnings(&guard);
    assert!(shown.len() == 1 && shown[0].contains("mounted as a single file"), "{shown:?}");
    assert!(shown[0].contains("mount the directory"), "{shown:?}");
    // A rewrite in place through the other path can be detected.
    fs::write(&real, document("checkout", true)).expect("written");
    wait_until("the rewrite is seen", || is_on(&guard, "checkout"));
    // This is the case that the warning describes: the mount still shows the old file, without any error.
    fs::write(dir.join("new"), document("checkout", false)).expect("written");
    fs::rename(dir.join("new"), &real).expect("moved");
    support::holds_for(Duration::from_millis(500), "the old file is seen", || is_on(&guard, "checkout"));
    assert_eq!((status(&guard).state, warnings(&guard)), (SourceState::Fresh, shown));
}

/// The path is a link to a mounted file, as from an image to a volume.
#[test]
fn a_link_to_a_file_that_is_mounted_by_itself() {
    let Some(dir) = folder_of_the_child() else {
        let script = "echo '[flags]' > real.toml\n: > mounted.toml\nmount --bind real.toml mounted.toml\n\
             ln -s mounted.toml flags.toml";
        return in_a_namespace("a_link_to_a_file_that_is_mounted_by_itself", &TestDir::new(), script);
    };
    let guard = follow(&dir.join("flags.toml"));
    wait_until("the warning", || !warnings(&guard).is_empty());
    assert!(warnings(&guard)[0].contains("mounted as a single file"), "{:?}", warnings(&guard));
}

/// Mounting the directory is the recommended setup.
#[test]
fn a_file_of_a_mounted_directory_is_nothing_to_warn_of() {
    let Some(dir) = folder_of_the_child() else {
        let script = "mkdir volume mounted\necho '[flags]' > volume/flags.toml\nmount --bind volume mounted";
        return in_a_namespace("a_file_of_a_mounted_directory_is_nothing_to_warn_of", &TestDir::new(), script);
    };
    let guard = follow(&dir.join("mounted/flags.toml"));
    fs::write(dir.join("new"), document("checkout", true)).expect("written");
    fs::rename(dir.join("new"), dir.join("volume/flags.toml")).expect("moved");
    wait_until("the rename is seen through the mount", || is_on(&guard, "checkout"));
    wait_until("some checks", || status(&guard).unchanged > 3);
    assert_eq!(warnings(&guard), Vec::<String>::new());
}

/// The next poll is an hour away, so an event of the file or an overflow event must trigger the read.
fn follow_by_events(path: &Path) -> Guard {
    support::start(File::new(path).poll_every(Duration::from_secs(3600)))
}

#[test]
fn twenty_thousand_files_are_made_while_the_file_changes() {
    const FILES: usize = 20_000;
    if !in_own_process(module_path!(), "twenty_thousand_files_are_made_while_the_file_changes") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = follow_by_events(&folder.flags());
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        for writer in 0..2 {
            let (folder, count) = (&folder, &count);
            scope.spawn(move || {
                for n in 0..FILES / 2 {
                    fs::write(folder.path(&format!("junk-{writer}-{n}")), "x").expect("written");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_until("half of the files", || count.load(Ordering::Relaxed) > FILES / 2);
        folder.replace(document("checkout", true));
    });
    wait_until("the change is seen", || is_on(&guard, "checkout"));
    folder.write(document("checkout", false));
    wait_until("the next change is seen", || !is_on(&guard, "checkout"));
    wait_for_state(&guard, SourceState::Fresh);
}

/// A child process. It is killed and reaped when the test ends, even by a panic.
struct FollowingProcess(Child);

impl FollowingProcess {
    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.0.id().to_string()]).status().expect("kill runs");
        assert!(status.success(), "kill {name}: {status}");
    }

    fn is_stopped(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it is there");
        status.contains("State:\tT")
    }
}

impl Drop for FollowingProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process is stopped while the system's queue fills up, so the event of the file is certainly lost.
#[test]
fn the_queue_overflows_and_the_change_is_detected() {
    const TEST: &str = "the_queue_overflows_and_the_change_is_detected";
    const READY: &str = "the watch is at work";
    if let Some(dir) = folder_of_the_child() {
        let guard = follow_by_events(&dir.join("flags.toml"));
        println!("\n{READY}");
        wait_until("the first change", || is_on(&guard, "first"));
        println!("\n{READY}");
        wait_until("the change that no event is left of", || is_on(&guard, "second"));
        return;
    }
    let folder = TestDir::new();
    folder.write(document("other", true));
    for n in 0..2 {
        fs::write(folder.path(&format!("junk-{n}")), "").expect("written");
    }
    let child = Command::new(env::current_exe().expect("this binary"))
        .args(["--exact", &test_name(module_path!(), TEST), "--nocapture", "--test-threads=1"])
        .env(CHILD, folder.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut child = FollowingProcess(child);
    let mut lines = BufReader::new(child.0.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == READY), "it has started");
    folder.replace(document("first", true));
    assert!(lines.any(|line| line == READY), "it has seen a change by its event");

    child.signal("-STOP");
    wait_until("it is stopped", || child.is_stopped());
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("the limit");
    // None of these events triggers a read. No two in a row are equal, because the system would merge those.
    for n in 0..most.trim().parse::<usize>().expect("a number") + 100 {
        drop(fs::File::open(folder.path(&format!("junk-{}", n % 2))).expect("it is there"));
    }
    folder.replace(document("second", true));
    child.signal("-CONT");
    let passed = lines.any(|line| line.contains("1 passed"));
    assert!(passed && child.0.wait().expect("it ends").success(), "the change is not seen");
}
