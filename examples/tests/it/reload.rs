//! SIGHUP reloads the storefront's flags if the option asks for it. Without the option it ends the process, as usual.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::support::{DEADLINE, program};

struct Storefront {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Storefront {
    /// Starts the storefront and waits until it prints its address.
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(program()).args(args).stdout(Stdio::piped()).spawn().expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = lines.next().expect("a line").expect("text");
        assert!(address.contains("http://"), "{address}");
        Self { child, lines }
    }

    fn hang_up(&self) {
        let sent = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Returns whether the process ignores SIGHUP, which a child inherits from `nohup`. `None` outside of Linux.
    fn ignores_hang_up(&self) -> Option<bool> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        // SIGHUP is signal 1, the lowest bit.
        Some(u64::from_str_radix(ignored.trim(), 16).ok()? & 1 == 1)
    }
}

impl Drop for Storefront {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn with_the_option_it_reloads_its_flags() {
    let mut shop = Storefront::start(&["--reload-on-hup"]);
    for _ in 0..3 {
        shop.hang_up();
        let line = shop.lines.next().expect("a line").expect("text");
        assert_eq!(line, "storefront: reloading flags");
    }
    assert_eq!(shop.child.try_wait().expect("its state"), None, "the process continues");
}

#[test]
fn without_the_option_the_signal_ends_it() {
    let mut shop = Storefront::start(&[]);
    if shop.ignores_hang_up() == Some(true) {
        println!("SKIPPED: this test run ignores SIGHUP, as under nohup, and so does every child");
        return;
    }
    shop.hang_up();
    let start = Instant::now();
    while shop.child.try_wait().expect("its state").is_none() {
        assert!(start.elapsed() < DEADLINE, "it has not ended within {DEADLINE:?}");
        std::thread::yield_now();
    }
}
