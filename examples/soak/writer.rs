//! The writer of the flag file, which also writes invalid files.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) struct Writer {
    path: PathBuf,
    /// The state of a random number generator (xorshift, Marsaglia 2003). Runs differ in timing, not in contents.
    state: u64,
    on: bool,
    written: u64,
    invalid: u64,
}

impl Writer {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: 0x9e37_79b9_7f4a_7c15, on: false, written: 0, invalid: 0 }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn invalid(&self) -> u64 {
        self.invalid
    }

    fn number(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % below
    }

    /// Returns a valid file. It declares its number of flags, so that a truncated one is rejected.
    fn text(&mut self, more: usize) -> String {
        let (on, percent) = (self.on, if self.on { 50 } else { 25 });
        let mut text = format!(
            "[meta]\nflags = {}\n[flags]\nalways = true\nnever = false\npair-a = {on}\npair-b = {on}\nhalf = \"{percent}%\"\n\
             new-checkout = {on}\n",
            6 + more
        );
        for index in 0..more {
            let _ = writeln!(text, "flag-{index} = {}", index % 2 == 0);
        }
        text
    }

    fn rename(&self, text: &str) -> io::Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, &self.path)
    }

    pub(crate) fn write_valid(&mut self) -> io::Result<()> {
        let text = self.text(0);
        self.written += 1;
        self.rename(&text)
    }

    /// Writes, replaces or deletes the file in a random way, valid or not.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        self.written += 1;
        self.on = !self.on;
        match self.number(12) {
            // Invalid files.
            0 => {
                self.invalid += 1;
                let text = self.text(0);
                let cut = usize::try_from(self.number(text.len() as u64)).unwrap_or(0);
                fs::write(&self.path, &text[..cut])
            }
            1 => {
                self.invalid += 1;
                fs::write(&self.path, "[flags\nalways = = false\n")
            }
            2 => {
                self.invalid += 1;
                fs::write(&self.path, [0xff, 0xfe, 0, 0, 7])
            }
            3 => {
                self.invalid += 1;
                match fs::remove_file(&self.path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                }
            }
            // Valid files, written in every way.
            4 => {
                let text = self.text(5_000);
                self.rename(&text)
            }
            5 | 6 => {
                let text = self.text(0);
                fs::write(&self.path, text)
            }
            7 => {
                let text = self.text(300);
                fs::write(&self.path, text)
            }
            _ => self.write_valid(),
        }
    }
}
