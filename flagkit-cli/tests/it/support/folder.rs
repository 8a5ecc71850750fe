//! A temporary folder, and the command run in it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use portable_pty::CommandBuilder;

use super::Terminal;

/// Confirms a `go` without a review. The first argument is the flag.
#[track_caller]
pub(crate) fn go(folder: &Folder, arguments: &[&str]) {
    let mut terminal = folder.terminal(&[&["go"], arguments].concat());
    terminal.wait_for("to let it be seen: ");
    terminal.answer(arguments[0]);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{arguments:?}: {screen}");
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A temporary folder in which the command is run.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    /// The folder with a copy of the command, and the options of `setpriv`, if another user than the one of the tests
    /// runs the command.
    other: Option<(tempfile::TempDir, Vec<String>)>,
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

    /// All files below, with their contents.
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

    /// The entries of the log, which must be valid.
    pub(crate) fn entries(&self) -> Vec<serde_json::Value> {
        self.log().lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.other {
            None => Command::new(env!("CARGO_BIN_EXE_flagkit")),
            Some((folder, options)) => {
                let mut command = Command::new("setpriv");
                command.args(options).arg(folder.path().join("flagkit"));
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

    /// Makes the folder read-only. If the tests run as root, another user runs the command from now on.
    pub(crate) fn deny_writes(&mut self) {
        const UNPRIVILEGED: u32 = 65_534;
        fs::set_permissions(self.root(), fs::Permissions::from_mode(0o555)).expect("permissions");
        if fs::write(self.path("probe"), "").is_err() {
            return;
        }
        self.remove("probe");
        self.run_as(UNPRIVILEGED, UNPRIVILEGED, &[]);
    }

    /// Makes another user run the command from now on. Returns whether the tests may do that.
    pub(crate) fn run_as(&mut self, user: u32, group: u32, groups: &[u32]) -> bool {
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
        let folder = tempfile::tempdir().expect("a temporary directory");
        if std::os::unix::fs::chown(folder.path(), Some(user), None).is_err() {
            println!("SKIPPED: only root can run the command as another user");
            return false;
        }
        set(folder.path(), 0o755);
        // Another process copies the file. Linux cannot run a file that is open for writing, and a child process of
        // another test could inherit our descriptor.
        let copied =
            Command::new("cp").arg(env!("CARGO_BIN_EXE_flagkit")).arg(folder.path()).status().expect("cp runs");
        assert!(copied.success());
        set(&folder.path().join("flagkit"), 0o755);
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let groups =
            if groups.is_empty() { "--clear-groups".to_owned() } else { format!("--groups={}", groups.join(",")) };
        self.other = Some((folder, vec![format!("--reuid={user}"), format!("--regid={group}"), groups]));
        true
    }

    /// Undoes `deny_writes`.
    pub(crate) fn allow_writes(&mut self) {
        fs::set_permissions(self.root(), fs::Permissions::from_mode(0o755)).expect("permissions");
        self.other = None;
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ended(self.command(arguments))
    }

    /// Runs the command with this standard input, which is not a terminal.
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

    /// Runs the command with `--json`.
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

    /// Runs the command at a terminal, without colours.
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

/// The environment variables that would change the behaviour of the command.
fn unwanted() -> Vec<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let is_flag = |name: &String| name.starts_with("FLAG_");
    let fixed = [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "LINES",
        "RELEASE",
        "FLAGKIT_USER",
        "FLAGKIT_KEY",
        "GITHUB_WORKSPACE",
    ];
    names.filter(is_flag).chain(fixed.map(str::to_owned)).collect()
}

/// Parses the output of `--json`: one object, always with the same keys.
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
