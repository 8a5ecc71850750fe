//! The file of the marks, which outlives the process.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::marks::Marks;
use crate::file::Access;
use crate::owned_file;

/// The file of the marks of one environment.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    path: PathBuf,
}

/// The size limit in bytes: more than 100,000 flags.
const MAX_LEN: u64 = 16 << 20;

impl Memory {
    /// Uses a file in this folder.
    pub(super) fn new(folder: &Path, environment: &str) -> Self {
        Self { path: folder.join(format!("approvals-{environment}")) }
    }

    /// Returns the marks. There are none if there is no file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is damaged, or may be written by other users.
    pub(super) fn load(&self) -> io::Result<Marks> {
        let file = match owned_file::open(&self.path, Access::Read, MAX_LEN) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::default()),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(MAX_LEN).read_to_string(&mut text)?;
        Marks::parse(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Stores the marks, and those of other processes. For each flag the stricter mark stays.
    pub(super) fn store(&self, mut marks: Marks) -> io::Result<()> {
        if let Ok(stored) = self.load() {
            marks.merge(&stored);
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        owned_file::replace(&self.path, &[marks.to_text().as_bytes()])
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
