//! One instance of the service as a process, with a flag file of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flagkit_core::source::Stage;
use serde_json::Value;
use tempfile::TempDir;

use crate::{DEADLINE, wait_until};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// A running instance.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: String,
    folder: TempDir,
}

/// Returns a program of this package. Cargo builds examples before tests, in a neighbouring folder.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "first run `cargo build --examples`");
    program
}

/// Applies the SQL files of a folder of this package.
pub(crate) fn apply_schema(database: &str, folder: &str) {
    let mut command = Command::new(program("migration"));
    command.args(["schema", "--database", database, "--migrations"]).arg(Path::new(PACKAGE).join(folder));
    assert!(command.status().expect("it starts").success());
}

impl Service {
    /// Starts an instance of `program` at a stage, and waits until it listens.
    pub(crate) fn start(name: &str, database: &str, stage: Stage) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        write_stage(folder.path(), stage);
        let mut child = Command::new(program(name))
            .args(["serve", "--database", database, "--flags"])
            .arg(folder.path().join("flags.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("it prints its address");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        let service = Self { child, address: address.to_owned(), folder };
        service.wait_for(stage);
        service
    }

    /// Changes the stage in the flag file of this instance, and waits until it is in effect.
    pub(crate) fn set_stage(&self, stage: Stage) {
        write_stage(self.folder.path(), stage);
        self.wait_for(stage);
    }

    fn wait_for(&self, stage: Stage) {
        wait_until("the stage is in effect", || self.migration()["stage"] == stage.as_str());
    }

    /// Returns the migration in the status of this instance.
    pub(crate) fn migration(&self) -> Value {
        let (code, body) = Client::new(&self.address).request("GET", "/status", "");
        assert_eq!(code, 200, "{body}");
        let status: Value = serde_json::from_str(&body).expect("JSON");
        status["migrations"][0].clone()
    }

    /// Runs the backfill with the flag file of this instance, and returns whether it succeeded and what it printed.
    pub(crate) fn backfill(&self, database: &str) -> (bool, String) {
        let mut command = Command::new(program("migration"));
        command.args(["backfill", "--database", database, "--flags"]).arg(self.folder.path().join("flags.toml"));
        let output = command.output().expect("it starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
        (output.status.success(), text)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Replaces the flag file: the shipped one, at another stage.
fn write_stage(folder: &Path, stage: Stage) {
    let shipped = fs::read_to_string(Path::new(PACKAGE).join("flags.toml")).expect("a file");
    let document = shipped.replace("stage = \"off\"", &format!("stage = \"{stage}\""));
    assert!(document.contains(&format!("\nstage = \"{stage}\"")), "{document}");
    let new = folder.join("flags.toml.new");
    fs::write(&new, document).expect("written");
    fs::rename(new, folder.join("flags.toml")).expect("renamed");
}

/// A connection that sends one request after the other.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: BufReader::new(stream) }
    }

    /// Returns the status code and the body of a response.
    pub(crate) fn request(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}");
        self.stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let status = self.line();
        let code = status.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
        let mut length = 0;
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        (code, String::from_utf8(body).expect("text"))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}
