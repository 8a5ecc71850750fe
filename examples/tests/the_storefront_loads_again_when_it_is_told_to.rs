//! SIGHUP has the storefront look at its flags, if it was started so; else it means what it always means.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

struct Storefront {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Storefront {
    /// Started when it says its address.
    fn start(args: &[&str]) -> Self {
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.parent().and_then(Path::parent).expect("target/debug/deps");
        let program = profile.join("examples").join("storefront");
        assert!(program.exists(), "first run `cargo build --examples`");
        let mut child = Command::new(program).args(args).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = lines.next().expect("a line").expect("text");
        assert!(address.contains("http://"), "{address}");
        Self { child, lines }
    }

    fn hang_up(&self) {
        let sent = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }
}

impl Drop for Storefront {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn with_the_option_it_loads_again() {
    let mut shop = Storefront::start(&["--reload-on-hup"]);
    for _ in 0..3 {
        shop.hang_up();
        let line = shop.lines.next().expect("a line").expect("text");
        assert_eq!(line, "storefront: loads its flags again");
    }
    assert_eq!(shop.child.try_wait().expect("its state"), None, "it goes on");
}

#[test]
fn without_it_the_signal_ends_it() {
    let mut shop = Storefront::start(&[]);
    shop.hang_up();
    let start = Instant::now();
    while shop.child.try_wait().expect("its state").is_none() {
        assert!(start.elapsed() < DEADLINE, "it has not ended within {DEADLINE:?}");
        std::thread::yield_now();
    }
}
