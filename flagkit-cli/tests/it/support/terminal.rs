//! A pseudo-terminal of 80 columns.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::DEADLINE;

/// A run of the command at a pseudo-terminal.
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
    pub(super) fn new(command: CommandBuilder) -> Self {
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

    /// The output so far, with the line endings of a file.
    pub(crate) fn shown(&self) -> String {
        let screen = self.screen.0.lock().expect("no panic");
        String::from_utf8_lossy(&screen.shown).replace("\r\n", "\n")
    }

    /// Waits for a text. Fails if the process ends or the deadline passes first.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        let (screen, changed) = &*self.screen;
        let mut screen = screen.lock().expect("no panic");
        loop {
            let shown = String::from_utf8_lossy(&screen.shown).into_owned();
            if shown.contains(text) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!screen.is_over && !left.is_zero(), "no {text:?} in {shown:?}");
            screen = changed.wait_timeout(screen, left).expect("no panic").0;
        }
    }

    pub(crate) fn answer(&mut self, answer: &str) {
        writeln!(self.writer, "{answer}").expect("it reads");
    }

    /// Sends a key such as Ctrl-C or Ctrl-D.
    pub(crate) fn press(&mut self, key: u8) {
        self.writer.write_all(&[key]).expect("it reads");
        self.writer.flush().expect("it reads");
    }

    pub(crate) fn id(&self) -> String {
        self.child.process_id().expect("it runs").to_string()
    }

    /// Sends SIGKILL. `Child::kill` sends another signal first, which the process can catch.
    pub(crate) fn kill_nine(&mut self) {
        let _ = Command::new("kill").args(["-9", &self.id()]).stderr(Stdio::null()).status().expect("kill runs");
        let _ = self.child.wait();
    }

    /// Waits for the end. Returns the exit code and the output.
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
        let (screen, changed) = &*self.screen;
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = changed.wait_timeout_while(screen.lock().expect("no panic"), left, |screen| !screen.is_over);
        drop(waited.expect("no panic"));
        (code, self.shown())
    }
}
