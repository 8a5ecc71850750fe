//! A folder to run the command in, a real terminal of 80 columns, and a server that answers, dawdles, breaks off or lies.
#![allow(dead_code)] // each test uses its part

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// For whatever must come, and does within milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A temporary folder in which the command is run.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    /// Where the command is, and as whom it is run, if not as whoever runs the tests.
    other: Option<(tempfile::TempDir, u32)>,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary directory"), other: None }
    }

    pub(crate) fn with(name: &str, text: &str) -> Self {
        let folder = Self::new();
        folder.write(name, text);
        folder
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("it was there");
    }

    /// All files below, with what they hold.
    pub(crate) fn all(&self) -> Vec<(PathBuf, String)> {
        let (mut folders, mut files) = (vec![self.root().to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned()));
                }
            }
        }
        files.sort();
        files
    }

    /// The text of the log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path(".flagkit/log.jsonl")).unwrap_or_default()
    }

    /// The entries of a log that is whole.
    pub(crate) fn entries(&self) -> Vec<serde_json::Value> {
        self.log().lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.other {
            None => Command::new(env!("CARGO_BIN_EXE_flagkit")),
            Some((folder, user)) => {
                let mut command = Command::new(folder.path().join("flagkit"));
                command.uid(*user).gid(*user);
                command
            }
        };
        command.current_dir(self.root()).args(arguments);
        for name in unwanted() {
            command.env_remove(name);
        }
        command.env("FLAGKIT_USER", "tester").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// From here on the command is run by somebody who may read here and not write, even if whoever runs the tests may
    /// write anywhere.
    pub(crate) fn let_nobody_write(&mut self) {
        const NOBODY: u32 = 65_534;
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
        set(self.root(), 0o555);
        if fs::write(self.path("probe"), "").is_err() {
            return;
        }
        self.remove("probe");
        let folder = tempfile::tempdir().expect("a temporary directory");
        set(folder.path(), 0o755);
        // By another process: a file that we have open for writing could not be run while any other test starts one.
        let copied =
            Command::new("cp").arg(env!("CARGO_BIN_EXE_flagkit")).arg(folder.path()).status().expect("cp runs");
        assert!(copied.success());
        set(&folder.path().join("flagkit"), 0o755);
        self.other = Some((folder, NOBODY));
    }

    /// The end of that.
    pub(crate) fn let_all_write(&mut self) {
        fs::set_permissions(self.root(), fs::Permissions::from_mode(0o755)).expect("permissions");
        self.other = None;
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ended(self.command(arguments))
    }

    /// With this on its standard input, which is no terminal.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_owned();
        let writing = thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("it ends");
        let _ = writing.join().expect("no panic");
        ran(output)
    }

    /// Runs it for machines.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        envelope(&self.run(&[&["--json"], arguments].concat()))
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        let settings =
            ["-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "init.defaultBranch=main"];
        command.current_dir(self.root()).args(settings).args(arguments);
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// At a terminal, without colours.
    pub(crate) fn terminal(&self, arguments: &[&str]) -> Terminal {
        self.terminal_with(arguments, &[("NO_COLOR", "1")])
    }

    pub(crate) fn terminal_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_flagkit"));
        command.args(arguments);
        command.cwd(self.root());
        for name in unwanted() {
            command.env_remove(name);
        }
        command.env("FLAGKIT_USER", "tester");
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        Terminal::new(command)
    }
}

/// Waits for what must come.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < DEADLINE, "not in time: {what}");
        thread::yield_now();
    }
}

/// Variables of whoever runs the tests that would change what the command does.
fn unwanted() -> Vec<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let is_flag = |name: &String| name.starts_with("FLAG_");
    let fixed = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "RELEASE", "FLAGKIT_USER"];
    names.filter(is_flag).chain(fixed.map(str::to_owned)).collect()
}

/// The one object that is printed for machines: always of the same shape.
#[track_caller]
pub(crate) fn envelope(ran: &Ran) -> serde_json::Value {
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    let envelope: serde_json::Value = serde_json::from_str(&ran.out).expect("one object");
    let keys: Vec<&String> = envelope.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["data", "error", "exit", "flagkit", "verb"], "{envelope}");
    assert_eq!((&envelope["flagkit"], &envelope["exit"]), (&1.into(), &ran.code.into()), "{envelope}");
    assert_eq!(envelope["error"].is_null(), envelope["data"].is_object(), "{envelope}");
    envelope
}

pub(crate) fn ended(mut command: Command) -> Ran {
    ran(command.output().expect("it runs"))
}

fn ran(output: std::process::Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A run at a terminal, by somebody who waits for a question before they answer.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn std::io::Write + Send>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    _master: Box<dyn MasterPty + Send>,
}

#[derive(Default)]
struct Screen {
    shown: Vec<u8>,
    is_over: bool,
}

impl Terminal {
    fn new(command: CommandBuilder) -> Self {
        let size = PtySize { rows: 40, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let writer = pair.master.take_writer().expect("a writer");
        let screen = Arc::new((Mutex::new(Screen::default()), Condvar::new()));
        let filled = Arc::clone(&screen);
        thread::spawn(move || {
            let mut part = [0; 4096];
            loop {
                let read = reader.read(&mut part);
                let mut screen = filled.0.lock().expect("no panic");
                match read {
                    Ok(len @ 1..) => screen.shown.extend_from_slice(&part[..len]),
                    _ => screen.is_over = true,
                }
                filled.1.notify_all();
                if screen.is_over {
                    break;
                }
            }
        });
        Self { child, writer, screen, _master: pair.master }
    }

    /// What has been shown so far, with lines as they are in a file.
    pub(crate) fn shown(&self) -> String {
        let screen = self.screen.0.lock().expect("no panic");
        String::from_utf8_lossy(&screen.shown).replace("\r\n", "\n")
    }

    /// Waits for a text, and fails when the process or the patience ends first.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        let (screen, told) = &*self.screen;
        let mut screen = screen.lock().expect("no panic");
        loop {
            let shown = String::from_utf8_lossy(&screen.shown).into_owned();
            if shown.contains(text) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!screen.is_over && !left.is_zero(), "no {text:?} in {shown:?}");
            screen = told.wait_timeout(screen, left).expect("no panic").0;
        }
    }

    pub(crate) fn answer(&mut self, answer: &str) {
        writeln!(self.writer, "{answer}").expect("it reads");
    }

    /// A key such as Ctrl-C or Ctrl-D, as the terminal sends it.
    pub(crate) fn press(&mut self, key: u8) {
        self.writer.write_all(&[key]).expect("it reads");
        self.writer.flush().expect("it reads");
    }

    pub(crate) fn id(&self) -> String {
        self.child.process_id().expect("it runs").to_string()
    }

    /// SIGKILL, at once; what the terminal's own `kill` sends first may be caught.
    pub(crate) fn kill_nine(&mut self) {
        let _ = Command::new("kill").args(["-9", &self.id()]).stderr(Stdio::null()).status().expect("kill runs");
        let _ = self.child.wait();
    }

    /// Its exit code, and all that was shown.
    #[track_caller]
    pub(crate) fn end(mut self) -> (i32, String) {
        let deadline = Instant::now() + DEADLINE;
        let code = loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                break i32::try_from(status.exit_code()).expect("a code");
            }
            assert!(Instant::now() < deadline, "it does not end: {:?}", self.shown());
            thread::yield_now();
        };
        let (screen, told) = &*self.screen;
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = told.wait_timeout_while(screen.lock().expect("no panic"), left, |screen| !screen.is_over);
        drop(waited.expect("no panic"));
        (code, self.shown())
    }
}

/// What a server does with whoever asks.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A status and a body.
    Says(u16, String),
    /// Nothing, until whoever asks has gone.
    Dawdles,
    /// The beginning of an answer, and then the end of the connection.
    BreaksOff,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Says(200, body.to_owned())
    }
}

/// A server on a free port of this machine, whose answer may change.
#[derive(Clone)]
pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<(Reply, u64)>>,
}

impl Server {
    pub(crate) fn new(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = Self { address, state: Arc::new(Mutex::new((reply, 0))) };
        let state = Arc::clone(&server.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let reply = {
                    let mut state = state.lock().expect("no panic");
                    state.1 += 1;
                    state.0.clone()
                };
                thread::spawn(move || answer(&stream, &reply));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn set(&self, reply: Reply) {
        self.state.lock().expect("no panic").0 = reply;
    }

    /// How many times it was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.state.lock().expect("no panic").1
    }
}

fn answer(mut stream: &TcpStream, reply: &Reply) {
    let mut request = BufReader::new(stream);
    let mut line = String::new();
    while request.read_line(&mut line).is_ok_and(|len| len > 2) {
        line.clear();
    }
    let _ = match reply {
        Reply::Says(status, body) => {
            let len = body.len();
            let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
            stream.write_all((head + body).as_bytes())
        }
        Reply::Dawdles => request.read_to_end(&mut Vec::new()).map(|_| ()),
        Reply::BreaksOff => stream.write_all(b"HTTP/1.1 200 Said\r\nContent-Length: 1000\r\n\r\nWelc"),
    };
}

/// An address of this machine at which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// What is compared with a file in `tests/snapshots`: commands, what they printed and how they ended.
pub(crate) struct Transcript<'f> {
    folder: &'f Folder,
    text: String,
    replaced: Vec<(String, String)>,
}

impl<'f> Transcript<'f> {
    pub(crate) fn new(folder: &'f Folder) -> Self {
        let root = folder.root().display().to_string();
        let day = |days: i64| {
            (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).strftime("%F").to_string()
        };
        let replaced = vec![(root, "/FOLDER".to_owned()), (day(0), "YYYY-MM-DD".to_owned())];
        Self { folder, text: String::new(), replaced }
    }

    /// Has a text that differs from run to run stand as another.
    pub(crate) fn replace(&mut self, text: &str, with: &str) {
        self.replaced.push((text.to_owned(), with.to_owned()));
    }

    /// A line that says what comes.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = write!(self.text, "{}# {text}\n\n", if self.text.is_empty() { "" } else { "\n" });
    }

    /// What a file holds.
    pub(crate) fn file(&mut self, name: &str) {
        let text = self.folder.read(name);
        self.shown(&format!("cat {name}"), &text, "", 0);
    }

    pub(crate) fn shown(&mut self, command: &str, out: &str, err: &str, code: i32) {
        let _ = writeln!(self.text, "$ {command}");
        self.text += out;
        if !out.is_empty() && !out.ends_with('\n') {
            self.text.push('\n');
        }
        for line in err.lines() {
            let _ = writeln!(self.text, "! {line}");
        }
        if code != 0 {
            let _ = writeln!(self.text, "[exit {code}]");
        }
        self.text.push('\n');
    }

    /// Runs it as text.
    #[track_caller]
    pub(crate) fn text(&mut self, arguments: &[&str]) -> i32 {
        let ran = self.folder.run(arguments);
        assert!(!(ran.out.clone() + &ran.err).contains('\u{1b}'), "no colours in a pipe: {ran:?}");
        self.shown(&format!("flagkit {}", quoted(arguments)), &ran.out, &ran.err, ran.code);
        ran.code
    }

    /// Runs it for machines: one line, always the same envelope.
    #[track_caller]
    pub(crate) fn json(&mut self, arguments: &[&str]) -> i32 {
        let ran = self.folder.run(&[&["--json"], arguments].concat());
        let envelope = envelope(&ran);
        let pretty = serde_json::to_string_pretty(&envelope).expect("JSON");
        self.shown(&format!("flagkit --json {}", quoted(arguments)), &pretty, &ran.err, ran.code);
        ran.code
    }

    /// Runs it both ways, where both do the same.
    #[track_caller]
    pub(crate) fn both(&mut self, arguments: &[&str]) {
        let codes = (self.text(arguments), self.json(arguments));
        assert_eq!(codes.0, codes.1, "{arguments:?}");
    }

    /// What was done at a terminal.
    #[track_caller]
    pub(crate) fn at_terminal(&mut self, arguments: &[&str], script: impl FnOnce(&mut Terminal)) -> i32 {
        let mut terminal = self.folder.terminal(arguments);
        script(&mut terminal);
        let (code, shown) = terminal.end();
        self.shown(&format!("flagkit {}        (at a terminal)", quoted(arguments)), &shown, "", code);
        code
    }

    /// Compares with the file, or writes it if `UPDATE_SNAPSHOTS=1`.
    #[track_caller]
    pub(crate) fn check(self, name: &str) {
        let mut text = self.text;
        for (from, to) in &self.replaced {
            text = text.replace(from, to);
        }
        let text = text.split_inclusive('\n').map(normal).collect::<String>();
        let text = text.trim_end().to_owned() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, text).expect("written");
            return;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        let lines = expected.lines().zip(text.lines());
        let differs = lines.clone().position(|(old, new)| old != new).unwrap_or(lines.count());
        let at = |text: &str| text.lines().skip(differs).take(8).collect::<Vec<_>>().join("\n");
        assert!(
            text == expected,
            "{name}: differs from line {} on; UPDATE_SNAPSHOTS=1 writes it anew\n--- file\n{}\n--- now\n{}",
            differs + 1,
            at(&expected),
            at(&text)
        );
    }
}

fn quoted(arguments: &[&str]) -> String {
    let quoted = |text: &&str| {
        if text.is_empty() || text.contains([' ', '"', '*']) { format!("'{text}'") } else { (*text).to_owned() }
    };
    arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A line without what differs from run to run: hashes, times of day, milliseconds, ages, and the order in which layers came.
fn normal(line: &str) -> String {
    let mut line = without_times(&without_hashes(line));
    for (before, after) in [
        ("\"millis\": ", ""),
        ("(revision ", ")"),
        ("\"revision\": ", ""),
        ("for everybody for ", " days"),
        ("the last step was ", " ago"),
        ("not before ", " from now"),
    ] {
        line = without(&line, before, after);
    }
    if line.starts_with("  ") && (line.contains(" pass  ") || line.contains(" fail  ")) {
        let trimmed = line.trim_end().trim_end_matches(|c: char| c.is_ascii_digit());
        line = format!("{trimmed}N\n");
    }
    line
}

/// Numbers and lengths of time between two texts as an N.
fn without(line: &str, before: &str, after: &str) -> String {
    let Some((head, tail)) = line.split_once(before) else { return line.to_owned() };
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, 'h' | 'm' | 's' | ' ');
    let len = if after.is_empty() { tail.find(|c: char| !c.is_ascii_digit()) } else { tail.find(after) };
    match len.map(|len| tail.split_at(len)) {
        Some((number, rest)) if !number.is_empty() && number.chars().all(is_part) => format!("{head}{before}N{rest}"),
        _ => line.to_owned(),
    }
}

fn without_hashes(line: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in line.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            word.push(c);
            continue;
        }
        parts.push(if word.len() == 64 { "HASH".to_owned() } else { std::mem::take(&mut word) });
        word.clear();
        if c != '\0' {
            parts.push(c.to_string());
        }
    }
    parts.concat()
}

/// `T12:34:56.789Z`, ` 12:34:56Z` and ` 12:34Z` behind a day.
fn without_times(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some(at) = rest.find("YYYY-MM-DD") {
        let end = at + "YYYY-MM-DD".len();
        text += &rest[..end];
        rest = &rest[end..];
        let is_time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
        if let Some(time) = rest.strip_prefix(['T', ' ']) {
            let len = time.find(|c| !is_time(c)).unwrap_or(time.len());
            if len >= 5 && time[len..].starts_with('Z') {
                text += &rest[..1];
                text += "HH:MMZ";
                rest = &time[len + 1..];
            }
        }
    }
    text + rest
}
