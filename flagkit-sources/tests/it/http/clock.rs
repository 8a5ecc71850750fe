//! A machine with a clock ten years off, either way, polls at the usual rate, follows its sources, and starts with the
//! document on disk. libfaketime shifts the time of day and keeps the monotonic clock unchanged, as on such a machine.

use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::support::stub::{Stub, answer, document, eager};
use crate::support::{DEADLINE, TestDir, is_on, test_name, wait_until};
use flagkit_sources::{Builder, File};

const SERVER: &str = "FLAGKIT_TEST_SERVER";
const TEST: &str = "ten_years_off";
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const SHIFTS: [&str; 2] = ["+10y", "-10y"];

/// Follows the server and a file, and ends when the server's flag `second` is on.
fn in_the_child(url: &str) {
    let clock: u64 = env::var("FLAGKIT_TEST_CLOCK").expect("it is set").parse().expect("a number");
    let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(clock);
    let now = SystemTime::now();
    let off = now.duration_since(clock).unwrap_or_else(|error| error.duration());
    assert!(off > YEAR * 9, "the clock is right: {off:?}");
    let folder = TestDir::new();
    folder.write("[flags]\nlocal = false\n");
    let cache = folder.path("flags.cache");
    let http = || eager(url).stream(false).cache(&cache);
    let builder = Builder::new().source(File::new(folder.flags())).source(http()).startup_timeout(DEADLINE);
    let guard = builder.start().expect("starts");
    assert!(is_on(&guard, "first"));
    folder.replace("[flags]\nlocal = true\n");
    wait_until("the file is followed", || is_on(&guard, "local"));
    wait_until("the server is followed", || is_on(&guard, "second"));
    let [_, source] = &guard.status().sources[..] else { panic!("two sources") };
    let age = source.last_good.and_then(|last| now.elapsed().ok().map(|_| last));
    assert!(age.is_some_and(|last| last >= now && last < now + YEAR), "its own clock counts: {age:?}");
    assert!(guard.stop(DEADLINE));
    let again = Builder::new().source(http()).start().expect("starts");
    assert!(is_on(&again, "second"));
}

fn spawn(shift: &str, url: &str, folder: &Path) -> Child {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
    Command::new("faketime")
        .args(["-f", shift])
        .arg(env::current_exe().expect("this binary"))
        .args(["--exact", &test_name(module_path!(), TEST), "--nocapture", "--test-threads=1"])
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env(SERVER, url)
        .env("FLAGKIT_TEST_CLOCK", clock.to_string())
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("faketime is there")
}

#[test]
fn ten_years_off() {
    if let Ok(url) = env::var(SERVER) {
        return in_the_child(&url);
    }
    let probe = Command::new("faketime").args(["-f", "+1d", "true"]).status();
    if !probe.as_ref().is_ok_and(std::process::ExitStatus::success) {
        println!("SKIPPED: {TEST}: no faketime: {probe:?}");
        assert!(env::var_os("CI").is_none(), "SKIPPED in CI, where faketime is expected");
        return;
    }
    for shift in SHIFTS {
        let folder = TestDir::new();
        let (polls, is_second) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let stub = Stub::new({
            let (polls, is_second) = (Arc::clone(&polls), Arc::clone(&is_second));
            move |request, stream| {
                polls.fetch_add(1, Ordering::SeqCst);
                let second = is_second.load(Ordering::SeqCst);
                let (tag, body) =
                    if second { ("v2", "[flags]\nsecond = true\n") } else { ("v1", "[flags]\nfirst = true\n") };
                // The server's clock is right, so its dates are in another decade.
                let is_known = request.header("if-none-match").is_some_and(|known| known.contains(tag));
                let text =
                    if is_known { answer("304 Not Modified", "retry-after: 120\r\n", "") } else { document(tag, body) };
                stream.write_all(text.as_bytes()).is_ok()
            }
        });
        let started = Instant::now();
        let child = spawn(shift, &stub.url(), &folder.path(""));
        wait_until("it polls", || polls.load(Ordering::SeqCst) >= 50);
        let counted = started.elapsed();
        // The interval is twenty milliseconds, plus or minus a tenth, and never shorter.
        println!("{shift}: 50 polls in {counted:?}");
        assert!(counted >= Duration::from_millis(48 * 18), "{shift}: too often: {counted:?}");
        is_second.store(true, Ordering::SeqCst);
        let output = child.wait_with_output().expect("it ends");
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && stdout.contains("1 passed"), "{shift}: failed:\n{stdout}\n{stderr}");
    }
}
