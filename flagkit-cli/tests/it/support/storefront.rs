//! The storefront example in a process of its own, which follows a flag file.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::DEADLINE;

/// The storefront example in a process of its own.
pub(crate) struct Storefront {
    child: Child,
    pub(crate) address: String,
}

impl Storefront {
    pub(crate) fn start(flags: &Path) -> Self {
        Self::start_with(flags, &[])
    }

    pub(crate) fn start_with(flags: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["--port", "0", "--flags"])
            .arg(flags)
            .args(arguments)
            .env_remove("FLAG_SEARCH_V2")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("the example prints its address");
        let address =
            line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        // Reads the rest of the output, so that the example never blocks on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, address }
    }

    /// Requests a page and returns the whole response, head and body.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the example listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer in UTF-8");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    pub(crate) fn has_new_search(&self, user: &str) -> bool {
        self.get(&format!("/?user={user}")).contains("Search by meaning")
    }

    /// Counts the visitors that see the new search.
    pub(crate) fn seen_by(&self, visitors: usize) -> usize {
        (0..visitors).filter(|n| self.has_new_search(&format!("user-{n}"))).count()
    }

    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !condition(self) {
            assert!(begin.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        }
    }
}

impl Drop for Storefront {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The path of the example. Cargo builds examples only for tests of their own package, so this builds it if needed.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps").to_owned();
    let program = profile.join("examples").join(format!("storefront{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "flagkit-examples", "--example", "storefront", "--target-dir"]);
        build.arg(profile.parent().expect("target")).current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("Cargo runs").success(), "the storefront is built");
    }
    program
}
