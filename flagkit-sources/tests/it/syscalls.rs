//! A million evaluations make no system call, while the sources fail and retry. strace records the calls of the thread
//! between two marks, so the test runs in a child.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use crate::support::stub::{Stub, eager};
use crate::support::{TestDir, is_on, status, test_name, wait_until};
use flagkit_core::{Context, flag, variant};
use flagkit_sources::{Builder, File, Guard, OnFailedStart};

const CHILD: &str = "FLAGKIT_TEST_CHILD";
const TEST: &str = "a_million_evaluations_make_no_system_call";
/// These files do not exist. Opening them leaves a line in the record.
const BEGIN: &str = "/the-evaluations-begin";
const END: &str = "/the-evaluations-end";

const DOCUMENT: &str = r#"
[flags]
all = true
some = { on = true, rollout = 50 }
theme = { on = true, variants = { light = 50, dark = 50 } }
[flags.wanted]
on = true
rollout = 20
[[flags.wanted.rules]]
if = { country = ["DE", "AT"], email.ends_with = "@example.com" }
"#;

/// Starts with two sources that fail from then on.
fn start(folder: &TestDir, stub: &Stub) -> Guard {
    let document = folder.path("flags.toml");
    fs::write(&document, DOCUMENT).expect("written");
    let file = File::new(&document).poll_every(std::time::Duration::from_millis(10));
    let builder = Builder::new().source(file).source(eager(&stub.url())).when_unreachable(OnFailedStart::Skip);
    let guard = builder.when_invalid(OnFailedStart::Skip).install().expect("no other test installs");
    assert_eq!(guard.status().sources[0].problems, []);
    fs::write(&document, "[flags").expect("written");
    guard
}

fn evaluate_a_million_times(guard: &Guard, user: &Context) -> usize {
    let flags = guard.flags();
    let mut on = 0;
    for number in 0..125_000_u32 {
        let user = black_box(user);
        on += usize::from(flag!("all")) + usize::from(flag!("some", &number)) + usize::from(flag!("wanted", user));
        on += usize::from(flags.is_on("all", &())) + usize::from(flags.is_on("some", &number));
        on += usize::from(flags.is_on("wanted", user)) + usize::from(variant!("theme", user).is_some());
        on += usize::from(flags.evaluate("nowhere", user).is_on());
    }
    on
}

fn in_the_child() {
    let folder = TestDir::new();
    let stub = Stub::new(|_, _| false);
    let guard = start(&folder, &stub);
    let fails = || guard.status().sources.iter().all(|source| source.failures > 0);
    wait_until("both are away", fails);
    let user = Context::new("user-1").with("country", "DE").with("email", "a@example.com");
    // The first hit of a call site joins a list, and the first read of a thread may take a slot.
    assert!(evaluate_a_million_times(&guard, &user) > 0 && is_on(&guard, "all"));
    let refusals = status(&guard).failures;
    let _ = fs::metadata(BEGIN);
    let on = evaluate_a_million_times(&guard, &user);
    let _ = fs::metadata(END);
    assert!((740_000..760_000).contains(&on), "{on}");
    println!("{} more rejected loads meanwhile", status(&guard).failures - refusals);
}

#[test]
fn a_million_evaluations_make_no_system_call() {
    if env::var_os(CHILD).is_some() {
        return in_the_child();
    }
    let folder = TestDir::new();
    let log = folder.path("calls");
    let probe = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !probe.as_ref().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {TEST}: no strace, or no permission to trace: {probe:?}");
        // The container may forbid strace; that differs from a machine without it.
        assert!(probe.is_ok() || env::var_os("CI").is_none(), "SKIPPED in CI, where strace is expected");
        return;
    }
    let output = Command::new("strace")
        .args([OsStr::new("-f"), OsStr::new("-o"), log.as_os_str()])
        .arg(env::current_exe().expect("this binary"))
        .args(["--exact", &test_name(module_path!(), TEST), "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("strace is there");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "the child failed:\n{stdout}\n{stderr}");

    let log = fs::read_to_string(log).expect("what strace has written");
    let lines: Vec<&str> = log.lines().collect();
    let find = |mark: &str| lines.iter().position(|line| line.contains(mark)).expect("a mark");
    let (begin, end) = (find(BEGIN), find(END));
    let thread = lines[begin].split_whitespace().next().expect("each line begins with its thread");
    let of_the_thread = |line: &&&str| line.split_whitespace().next() == Some(thread);
    let calls: Vec<_> = lines[begin + 1..end]
        .iter()
        .filter(of_the_thread)
        // This ends the call of the mark itself, if another thread's call came in between.
        .filter(|line| !line.contains("resumed>"))
        .collect();
    assert!(calls.is_empty(), "{calls:?}");
    let others = lines[begin + 1..end].len();
    println!("no call of the thread that evaluates, {others} lines of the others meanwhile");
}
