//! A folder with flags, the command run in it, a terminal to run it at, and a server that answers as it is told.
#![allow(dead_code)] // each test uses its part

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

/// For whatever must come, and does within milliseconds.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Folder(tempfile::TempDir);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    /// With a flag file of this text.
    pub(crate) fn new(flags: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary directory"));
        folder.write("flags.toml", flags);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    /// The lines of the log.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path(".flagkit/log.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flagkit"));
        command.current_dir(self.0.path()).args(arguments).env("FLAGKIT_USER", "tester");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FLAG_")) {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// With this on its standard input, which is no terminal.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_owned();
        let writing = thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("it ends");
        let _ = writing.join().expect("no panic");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let ran = self.run(&[&["--json"], arguments].concat());
        let envelope: serde_json::Value = serde_json::from_str(&ran.out).expect("one object");
        assert_eq!(envelope["flagkit"], 1);
        assert_eq!(envelope["exit"], ran.code);
        assert_eq!(envelope["error"].is_null(), envelope["data"].is_object(), "{envelope}");
        envelope
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        let author = ["-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "init.defaultBranch=main"];
        command.current_dir(self.0.path()).args(author).args(arguments);
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// At a terminal.
    pub(crate) fn terminal(&self, arguments: &[&str]) -> Terminal {
        let size = PtySize { rows: 50, cols: 100, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_flagkit"));
        command.args(arguments);
        command.cwd(self.0.path());
        command.env("FLAGKIT_USER", "tester");
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let (mut reader, writer) =
            (pair.master.try_clone_reader().expect("it"), pair.master.take_writer().expect("it"));
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(len @ 1..) = reader.read(&mut part) {
                shown.lock().expect("no panic").push_str(&String::from_utf8_lossy(&part[..len]));
            }
        });
        Terminal { child, writer, screen, _master: pair.master }
    }
}

/// A run at a terminal, by somebody who waits for a question before they answer.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn std::io::Write + Send>,
    screen: Arc<Mutex<String>>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    /// What has been shown so far, without colours.
    pub(crate) fn screen(&self) -> String {
        anstream::adapter::strip_str(&self.screen.lock().expect("no panic")).to_string()
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let begin = Instant::now();
        while !self.screen().contains(text) {
            assert!(begin.elapsed() < DEADLINE, "no {text:?} in {:?}", self.screen());
            thread::yield_now();
        }
    }

    pub(crate) fn answer(&mut self, answer: &str) {
        writeln!(self.writer, "{answer}").expect("it reads");
    }

    /// Its exit code, and all that was shown.
    pub(crate) fn end(mut self) -> (u32, String) {
        let code = self.child.wait().expect("it ends").exit_code();
        // What it wrote last is on its way.
        let begin = Instant::now();
        let mut before = String::new();
        while begin.elapsed() < Duration::from_millis(200) || before != self.screen() {
            before = self.screen();
            thread::yield_now();
        }
        (code, before)
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on a free port. What it answers may change.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Server {
    pub(crate) fn new(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let server = Self { url, answer: Arc::new(Mutex::new((200, body.to_owned()))) };
        let answer = Arc::clone(&server.answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut request = BufReader::new(&stream);
                let mut line = String::new();
                while request.read_line(&mut line).is_ok_and(|len| len > 2) {
                    line.clear();
                }
                let (status, body) = answer.lock().expect("no panic").clone();
                let head =
                    format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = (&stream).write_all((head + &body).as_bytes());
            }
        });
        server
    }

    pub(crate) fn says(&self, status: u16, body: &str) {
        *self.answer.lock().expect("no panic") = (status, body.to_owned());
    }
}
