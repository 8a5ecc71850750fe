//! A source that fails for a while, as when a permission is revoked and restored, is reported once. It keeps its last
//! valid flags, delays no other source, and recovers by itself.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::support::{self, TestDir, document, is_on, last_error, status, test_name, wait_for_state, wait_until};
use flagkit_core::source::Provenance;
use flagkit_core::tooling::SourceState;
use flagkit_core::{Event, Subscription};
use flagkit_sources::document::Format;
use flagkit_sources::{Builder, Cache, CachedDocument, File, Guard, Notify, OnFailedStart};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Returns whether the test continues in this process. Permissions do not apply to root, so root runs the test again as
/// a user they apply to.
fn permissions_count(test: &str) -> bool {
    const CHILD: &str = "FLAGKIT_TEST_NOBODY";
    let folder = TestDir::new();
    folder.write("");
    set_mode(&folder.flags(), 0);
    if fs::File::open(folder.flags()).is_err() {
        return true;
    }
    assert!(env::var_os(CHILD).is_none(), "permissions mean nothing in the child either");
    // The path of the binary may be accessible to root only.
    let binary = folder.path("test");
    // A program cannot be run while it is open for writing. A child that another test starts meanwhile could hold the
    // file open, so another process writes it.
    let copied =
        Command::new("cp").arg(env::current_exe().expect("this binary")).arg(&binary).status().expect("cp runs");
    assert!(copied.success());
    set_mode(&binary, 0o755);
    set_mode(&folder.path(""), 0o777);
    let as_nobody = |program: &Path| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program);
        command.current_dir(folder.path("")).env(CHILD, "1").env("TMPDIR", folder.path(""));
        command
    };
    if !as_nobody(Path::new("true")).output().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {test}: permissions mean nothing to this user, and setpriv does not make another one of it");
        assert!(env::var_os("CI").is_none(), "SKIPPED in CI, where setpriv is expected");
        return false;
    }
    let output = as_nobody(&binary)
        .args(["--exact", &test_name(module_path!(), test), "--nocapture", "--test-threads=1"])
        .output()
        .expect("the child starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the child ran no test:\n{stdout}");
    false
}

/// Returns a guard that uses events, with a poll too rare to help, and one that only polls.
fn both(path: &Path) -> [Guard; 2] {
    let by_events = File::new(path).poll_every(Duration::from_secs(3600));
    let by_polls = File::new(path).notify(Notify::Off).poll_every(Duration::from_millis(20));
    [by_events, by_polls].map(support::start)
}

/// The errors of the load failures that subscribers receive.
struct LoadErrors {
    reported: Arc<Mutex<Vec<String>>>,
    _subscription: Subscription,
}

impl LoadErrors {
    fn of(guard: &Guard) -> Self {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let subscription = guard.flags().subscribe({
            let reported = Arc::clone(&reported);
            move |event| {
                if let Event::LoadFailed(fault) = event {
                    let error = fault.error.as_ref().map_or_else(String::new, ToString::to_string);
                    reported.lock().expect("no panic").push(error);
                }
            }
        });
        Self { reported, _subscription: subscription }
    }

    fn reported(&self) -> Vec<String> {
        self.reported.lock().expect("no panic").clone()
    }
}

/// Waits until the lowest layer has made this many reads. Each read sets the time of the next.
fn has_looked(guard: &Guard, times: usize) {
    let mut tries: BTreeSet<SystemTime> = BTreeSet::new();
    wait_until("some checks", || {
        tries.extend(status(guard).next_try);
        tries.len() > times
    });
}

#[test]
fn of_the_file() {
    if !permissions_count("of_the_file") {
        return;
    }
    let folder = TestDir::new();
    let path = folder.flags();
    folder.write(document("a", true));
    for guard in both(&path) {
        let errors = LoadErrors::of(&guard);
        wait_until("the flags", || is_on(&guard, "a") && status(&guard).state == SourceState::Fresh);
        set_mode(&path, 0);
        wait_for_state(&guard, SourceState::Stale);
        let error = last_error(&guard).expect("an error");
        assert!(error.contains("cannot open") && error.to_lowercase().contains("permission denied"), "{error}");
        assert!(!status(&guard).last_error.is_some_and(|error| error.is_missing()), "{error}");
        has_looked(&guard, 3);
        assert!(is_on(&guard, "a"));

        // Meanwhile another unreadable file replaces it.
        let new = folder.path("new");
        fs::write(&new, document("a", false)).expect("written");
        set_mode(&new, 0);
        fs::rename(&new, &path).expect("moved");
        has_looked(&guard, 3);
        assert!(is_on(&guard, "a"));
        assert_eq!((status(&guard).state, errors.reported()), (SourceState::Stale, vec![error]), "reported once");

        set_mode(&path, 0o644);
        wait_until("what may be read again is read", || !is_on(&guard, "a"));
        wait_for_state(&guard, SourceState::Fresh);
        assert_eq!(last_error(&guard), None);
        // The content found is the same as before.
        set_mode(&path, 0);
        wait_for_state(&guard, SourceState::Stale);
        set_mode(&path, 0o600);
        wait_for_state(&guard, SourceState::Fresh);
        assert!(!is_on(&guard, "a"));
        wait_until("it is reported again", || errors.reported().len() == 2);
        folder.replace(document("a", true));
        wait_until("it is followed as before", || is_on(&guard, "a"));
    }
}

#[test]
fn of_the_directory() {
    if !permissions_count("of_the_directory") {
        return;
    }
    let folder = TestDir::new();
    let (dir, path) = (folder.path("dir"), folder.path("dir/flags.toml"));
    fs::create_dir(&dir).expect("a directory");
    for mode in [0, 0o600] {
        fs::write(&path, document("a", true)).expect("written");
        for guard in both(&path) {
            wait_until("the flags", || is_on(&guard, "a"));
            set_mode(&dir, mode);
            // A closed directory causes no event, so the test requests a reload.
            guard.reload();
            wait_for_state(&guard, SourceState::Stale);
            let error = last_error(&guard).expect("an error");
            assert!(error.to_lowercase().contains("permission denied"), "{error}");
            assert!(is_on(&guard, "a"));
            set_mode(&dir, 0o700);
            wait_for_state(&guard, SourceState::Fresh);
            fs::write(&path, document("a", false)).expect("written");
            wait_until("it is followed as before", || !is_on(&guard, "a"));
            fs::write(&path, document("a", true)).expect("written");
        }
    }
}

#[test]
fn at_the_start() {
    if !permissions_count("at_the_start") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("a", true));
    set_mode(&folder.flags(), 0);
    let build = || Builder::new().source(File::new(folder.flags()));
    let error = build().when_missing(OnFailedStart::StayDark).start().expect_err("it is there and cannot be used");
    assert!(error.is_load() && error.to_string().to_lowercase().contains("permission denied"), "{error}");
    let guard = build()
        .when_missing(OnFailedStart::Fail)
        .when_invalid(OnFailedStart::StayDark)
        .start()
        .expect("starts in the dark");
    assert_eq!(status(&guard).state, SourceState::Waiting);
    set_mode(&folder.flags(), 0o400);
    wait_until("it is read as soon as it may", || is_on(&guard, "a"));
}

#[test]
fn of_the_directory_of_a_cache() {
    if !permissions_count("of_the_directory_of_a_cache") {
        return;
    }
    let folder = TestDir::new();
    let (dir, path) = (folder.path("dir"), folder.path("dir/flags.cache"));
    fs::create_dir(&dir).expect("a directory");
    let cache = Cache::new(&path, Provenance::new("https://flags.example.com/flags.toml"));
    let cached = |text: &str| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        CachedDocument { bytes: text.into(), format: Format::Toml, tag: None, at }
    };
    cache.store(&cached("old")).expect("it can be stored");
    set_mode(&dir, 0o500);
    let error = cache.store(&cached("new")).expect_err("nothing can be created there");
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert_eq!(cache.load(), Some(cached("old")), "the document stored before is still there");
    set_mode(&path, 0);
    assert_eq!(cache.load(), None, "what cannot be read is as good as none");
    set_mode(&dir, 0o700);
    cache.store(&cached("new")).expect("it can be stored again, over a file that cannot be read");
    assert_eq!(cache.load(), Some(cached("new")));
    assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 1, "no temporary file is left");
}

#[test]
fn an_error_that_stays_is_reported_once() {
    let folder = TestDir::new();
    folder.write(document("a", true));
    for guard in both(&folder.flags()) {
        wait_until("the flags", || is_on(&guard, "a") && status(&guard).state == SourceState::Fresh);
        let errors = LoadErrors::of(&guard);
        let invalid = "[flags]\na = tru\n";
        folder.write(invalid);
        wait_for_state(&guard, SourceState::Stale);
        // The source repeats the read: by itself, on request, and because the same content is written again.
        for _ in 0..5 {
            for trigger in [&|| guard.reload(), &|| folder.replace(invalid)] as [&dyn Fn(); 2] {
                let next_try = status(&guard).next_try;
                trigger();
                wait_until("a read", || status(&guard).next_try.is_some_and(|next| Some(next) != next_try));
            }
        }
        let first = last_error(&guard).expect("an error");
        assert_eq!(errors.reported(), [&*first]);
        assert!(status(&guard).failures >= 1 && is_on(&guard, "a"));

        folder.write("[flags]\n\na = tru\n");
        wait_until("another error", || last_error(&guard).is_some_and(|error| error != first));
        let second = last_error(&guard).expect("an error");
        wait_until("it is reported", || errors.reported().len() == 2);
        // A success in between makes the same error a new one.
        folder.write(document("a", true));
        wait_for_state(&guard, SourceState::Fresh);
        folder.write(invalid);
        wait_for_state(&guard, SourceState::Stale);
        wait_until("it is reported again", || errors.reported().len() == 3);
        assert_eq!(errors.reported(), [&*first, &*second, &*first]);
        folder.write(document("a", true));
        wait_for_state(&guard, SourceState::Fresh);
    }
}

#[cfg(feature = "http")]
mod of_a_server {
    use std::io::Write as _;

    use crate::support::stub::{self, Stub, answer, eager};
    use flagkit_core::tooling::SourceStatus;

    use super::*;

    /// A server with a response that the test can set.
    fn responding(text: &Arc<Mutex<String>>) -> Stub {
        let text = Arc::clone(text);
        Stub::new(move |request, stream| {
            let text = text.lock().expect("no panic").clone();
            !request.is_stream_request() && stream.write_all(text.as_bytes()).is_ok()
        })
    }

    fn good(text: &str) -> String {
        answer("200 OK", "content-type: application/toml\r\n", text)
    }

    #[test]
    fn each_failure_is_counted_and_one_is_reported() {
        let text = Arc::new(Mutex::new(good("[flags]\na = true\n")));
        let set_answer = |answer: String| *text.lock().expect("no panic") = answer;
        let stub = responding(&text);
        let guard = stub::start(eager(&stub.url()));
        let errors = LoadErrors::of(&guard);
        let unavailable = answer("503 Service Unavailable", "", "");
        for (reported, bad) in [(1, unavailable.clone()), (2, good("[flags")), (3, unavailable)] {
            set_answer(bad);
            let count = status(&guard).failures;
            wait_until("each is counted", || status(&guard).failures >= count + 10);
            assert_eq!(errors.reported().len(), reported, "{:?}", errors.reported());
        }
        assert!(is_on(&guard, "a"));
    }

    fn sources(guard: &Guard) -> Vec<SourceStatus> {
        guard.status().sources
    }

    #[test]
    fn three_sources_are_merged_while_each_is_invalid_in_turn() {
        let folder = TestDir::new();
        let text = Arc::new(Mutex::new(String::new()));
        // Each source declares one flag of its own and one that all share. `None` is invalid.
        let set = |layer: usize, on: Option<bool>| match layer {
            0 => {
                let text = on.map(|on| format!("[flags]\nlow = {on}\nshared = {on}\nbelow = {on}\n"));
                folder.replace(text.unwrap_or_else(|| "[flags".to_owned()));
            }
            1 => {
                let text =
                    on.map(|on| format!("{{\"flags\": {{\"middle\": {on}, \"shared\": {on}, \"below\": {on}}}}}"));
                fs::write(folder.path("new"), text.unwrap_or_else(|| "{".to_owned())).expect("written");
                fs::rename(folder.path("new"), folder.path("middle.json")).expect("moved");
            }
            _ => {
                let text_of = |on| good(&format!("[flags]\nhigh = {on}\nshared = {on}\n"));
                *text.lock().expect("no panic") = on.map_or_else(|| answer("500 Oh", "", ""), text_of);
            }
        };
        (0..3).for_each(|layer| set(layer, Some(true)));
        let stub = responding(&text);
        let guard = Builder::new()
            .source(File::new(folder.flags()))
            .source(File::new(folder.path("middle.json")))
            .source(eager(&stub.url()))
            .start()
            .expect("all are there");
        let shows = |expected: [bool; 3]| {
            // One snapshot holds each source's own flag, and the shared flag of the highest valid layer.
            let snapshot = guard.flags().snapshot();
            let is = |key| snapshot.is_on(key, &());
            ["low", "middle", "high"].map(is) == expected && is("shared") == expected[2] && is("below") == expected[1]
        };
        let mut now = [true; 3];
        assert!(shows(now));
        for invalid in [0, 1, 2, 0, 1, 2] {
            set(invalid, None);
            wait_until("it is invalid", || sources(&guard)[invalid].state == SourceState::Stale);
            let stale = sources(&guard)[invalid].last_good;
            for other in (0..3).filter(|layer| *layer != invalid) {
                now[other] = !now[other];
                set(other, Some(now[other]));
                wait_until(&format!("{other} continues while {invalid} is invalid"), || shows(now));
            }
            for (layer, source) in sources(&guard).into_iter().enumerate() {
                let expected = if layer == invalid { SourceState::Stale } else { SourceState::Fresh };
                assert_eq!(source.state, expected, "{layer} while {invalid} is invalid");
            }
            assert_eq!(sources(&guard)[invalid].last_good, stale, "each has its own age");
            now[invalid] = !now[invalid];
            set(invalid, Some(now[invalid]));
            wait_until("it is repaired", || shows(now) && sources(&guard)[invalid].state == SourceState::Fresh);
        }
    }
}
