//! The replacement of a flag file together with its entries in the log: after an interruption, both or neither exist.
//!
//! The entries are written into a file of their own first. A process that finds this file after a crash compares the
//! flag file with the entries. It appends them if the flag file was replaced, and drops them otherwise.
//!
//! ```text
//! write the intent ─▶ replace the flag file ─▶ append to the log ─▶ remove the intent
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::edit;
use crate::file::{self, parent_dir};
use crate::journal::{Entry, Journal};
use crate::progress::Progress;
use crate::project::{digest, format};
use crate::report::{Failure, Result};
use crate::write::{Replaced, Writer, state_folder};

/// The entries of a change that is being written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The name of the changed file, which is in the folder of the flag file.
    name: PathBuf,
    entries: Vec<Entry>,
}

impl Intent {
    /// The path of the intent. Its name makes git ignore it, like the locks beside it.
    fn path(file: &Path) -> PathBuf {
        state_folder(file).join("intent.lock")
    }

    /// Writes the intent. The caller holds the lock of the [`Writer`].
    fn begin(file: &Path, path: &Path, entries: &[Entry]) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().into();
        let intent = Self { name, entries: entries.to_vec() };
        let (own, new) = (Self::path(file), state_folder(file).join("intent-new.lock"));
        let mut written = fs::File::create(&new)?;
        io::Write::write_all(&mut written, &serde_json::to_vec(&intent)?)?;
        written.sync_data()?;
        fs::rename(new, own)
    }

    fn end(file: &Path) {
        // An intent that stays is finished by the next run.
        let _ = fs::remove_file(Self::path(file));
    }

    /// Returns whether the file at this path was replaced.
    fn is_written(&self, path: &Path) -> bool {
        let Ok(bytes) = file::read(path) else { return false };
        let Some(last) = self.entries.last() else { return false };
        let text = String::from_utf8_lossy(&bytes);
        // Another edit may have followed, which kept the stage.
        let has_stage = |to: Progress| edit::has_stage(format(path), &text, &last.flag, to);
        digest(&bytes) == last.digest || last.progress().is_some_and(has_stage)
    }
}

/// The result of [`replace_and_log`].
pub(crate) struct Written {
    pub(crate) replaced: Replaced,
    /// The error if the entries are not in the log yet. The next run of any command appends them.
    pub(crate) logged: io::Result<()>,
}

/// Replaces a file, and appends the entries to the log of the flag file.
///
/// `must_log`: whether the file stays unchanged if the log cannot be prepared. Turning something off must not depend on
/// the log.
pub(crate) fn replace_and_log(
    file: &Path,
    path: &Path,
    writer: &Writer,
    [expected, text]: [Option<&str>; 2],
    entries: Vec<Entry>,
    must_log: bool,
) -> Result<Written> {
    let begun = Intent::begin(file, path, &entries);
    if let (Err(error), true) = (&begun, must_log) {
        let log = Journal::path(file);
        return Err(Failure::io(format!("cannot write beside {}: {error}; nothing was written", log.display())));
    }
    let replaced = match writer.replace(expected, text.unwrap_or_default()) {
        Ok(replaced) => replaced,
        Err(failure) => {
            Intent::end(file);
            return Err(failure);
        }
    };
    let logged = Journal::append(file, entries);
    if logged.is_ok() {
        Intent::end(file);
    }
    Ok(Written { replaced, logged })
}

/// Completes or drops the change of a process that was stopped while it wrote.
///
/// Does nothing while another process writes, and nothing that fails.
pub(crate) fn finish_intent(file: &Path) {
    let path = Intent::path(file);
    let read = || serde_json::from_slice::<Intent>(&file::read(&path).ok()?).ok();
    let Some(Intent { name, .. }) = read() else { return };
    let target = parent_dir(file).join(name);
    let writer = Writer::try_lock(&target);
    if !writer.is_locked() {
        return;
    }
    // The other process may have ended in the meantime.
    let Some(intent) = read() else { return };
    let known = Journal::read(file).unwrap_or_default();
    let is_missing = |entry: &Entry| {
        !known.entries.iter().any(|known| known.when == entry.when && known.flag == entry.flag && known.to == entry.to)
    };
    let is_logged = if intent.is_written(&target) {
        Journal::append(file, intent.entries.into_iter().filter(is_missing)).is_ok()
    } else {
        true
    };
    if is_logged {
        Intent::end(file);
    }
}
