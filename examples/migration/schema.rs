//! The schema: the SQL files of a folder, each applied once, in the order of their names.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use crate::database::Connection;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_files (name TEXT PRIMARY KEY)";

/// Applies the files that are not applied yet.
///
/// Only one process may do it at a time: run it before the instances of a release start.
///
/// # Errors
///
/// Returns the error of the database, or of reading the folder. A file is applied as a whole or not at all.
pub(crate) fn apply(connection: &mut Connection, folder: &Path) -> Result<(), Box<dyn Error>> {
    connection.run_script(CREATE)?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !connection.query("SELECT name FROM schema_files WHERE name = $1", &[name.clone().into()])?.is_empty() {
            continue;
        }
        connection.run_script("BEGIN")?;
        connection.run_script(&fs::read_to_string(&file)?)?;
        connection.execute("INSERT INTO schema_files (name) VALUES ($1)", &[name.into()])?;
        connection.run_script("COMMIT")?;
    }
    Ok(())
}
