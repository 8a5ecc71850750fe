//! Where reading verbs take flags from: addresses to sources.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flagkit_core::{Snapshot, Source, Status};
use flagkit_sources::{Builder, Env, File, Guard, Http, Start};

use crate::cli::Sources;
use crate::outcome::{Exit, Failure, Result};

/// Starts the sources that are named, or the file with the environment over it.
pub(crate) fn start(sources: &Sources, file: &Path) -> Result<Guard> {
    let mut builder = Builder::new().when_missing(Start::Refuse).when_unreachable(Start::Refuse);
    if sources.uris.is_empty() {
        builder = builder.source(File::new(file)).source(Env::new("FLAG_"));
    }
    for uri in &sources.uris {
        builder = builder.source(source(uri)?);
    }
    builder.patience(Duration::from_secs(10)).start().map_err(|error| {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            if !message.contains(&error.to_string()) {
                message = message + ": " + &error.to_string();
            }
            cause = error.source();
        }
        Failure::new(Exit::Io, message)
    })
}

/// The flags as they are now, and how the sources are doing.
pub(crate) fn snapshot(sources: &Sources, file: &Path) -> Result<(Arc<Snapshot>, Status)> {
    let guard = start(sources, file)?;
    Ok((guard.flags().snapshot(), guard.status()))
}

fn source(uri: &str) -> Result<Box<dyn Source>> {
    let bad = |error: String| Failure::usage(format!("--source {uri}: {error}"));
    match uri.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(Box::new(File::new(path))),
        Some(("env", prefix)) => Ok(Box::new(Env::new(prefix))),
        Some(("https", _)) => Ok(Box::new(Http::new(uri).map_err(|error| bad(error.to_string()))?)),
        Some(("http", _)) => {
            // Anybody between may answer for such a server; for one on this machine there is nobody between.
            let http = Http::new(uri).or_else(|_| Http::plain(uri)).map_err(|error| bad(error.to_string()))?;
            Ok(Box::new(http))
        }
        _ => Err(bad("expected file:PATH, env:PREFIX, https://… or http://…".to_owned())),
    }
}
