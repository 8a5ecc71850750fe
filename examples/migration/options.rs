//! The command line of both releases.

use std::error::Error;
use std::path::PathBuf;

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Applies the SQL files that are not applied yet, and ends.
    Schema,
    /// Serves requests.
    Serve,
    /// Copies the old column to the new ones, and ends.
    Backfill,
}

/// The options of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What to do.
    pub(crate) action: Action,
    /// `postgres://…`, or the path of an SQLite file.
    pub(crate) database: String,
    /// The flag file, which is watched.
    pub(crate) flags: PathBuf,
    /// The folder of the SQL files.
    pub(crate) migrations: PathBuf,
    /// The name of this release, for the status.
    pub(crate) release: Option<String>,
    /// The port to listen on; 0 for any free port.
    pub(crate) port: u16,
}

impl Options {
    /// Parses the arguments after the name of the program.
    ///
    /// # Errors
    ///
    /// Returns an error that says what was expected.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut options = Self {
            action: match args.next().as_deref() {
                Some("schema") => Action::Schema,
                Some("serve") => Action::Serve,
                Some("backfill") => Action::Backfill,
                other => return Err(format!("got {other:?}, expected schema, serve or backfill").into()),
            },
            database: "users.sqlite".to_owned(),
            flags: package.join("flags.toml"),
            migrations: package.join("migrations"),
            release: None,
            port: 0,
        };
        while let Some(arg) = args.next() {
            let value = args.next().ok_or_else(|| format!("got {arg} without a value, expected {arg} VALUE"))?;
            match arg.as_str() {
                "--database" => options.database = value,
                "--flags" => options.flags = value.into(),
                "--migrations" => options.migrations = value.into(),
                "--release" => options.release = Some(value),
                "--port" => {
                    options.port = value.parse().map_err(|_| format!("got --port {value:?}, expected 0 to 65535"))?;
                }
                _ => {
                    let expected = "--database, --flags, --migrations, --release or --port";
                    return Err(format!("got {arg:?}, expected {expected}").into());
                }
            }
        }
        Ok(options)
    }
}
