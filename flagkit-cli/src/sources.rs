//! The sources of flags for commands that only read, created from addresses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Source};
use flagkit_core::{Flags, Snapshot, Status};
use flagkit_sources::{Builder, Env, File, Guard, Http, OnFailedStart};

use crate::approvals::{ApproverList, Inspection, Refusals};
use crate::cli::Sources;
use crate::environment::{existing_file, lower_files};
use crate::overrides::PREFIX;
use crate::project::{Layered, Project, missing};
use crate::report::{Detail, Exit, Failure, Result};

/// Starts the named sources. If none is named, starts the file, the files of the environment, and the variables.
pub(crate) fn start(sources: &Sources, file: &Path) -> Result<Guard> {
    let mut builder = Builder::new().quiet().when_missing(OnFailedStart::Fail).when_unreachable(OnFailedStart::Fail);
    if sources.uris.is_empty() {
        builder = builder.source(SpelledFile::new(file));
        if let Some(env) = &sources.env {
            let own = existing_file(file, env)?;
            builder = lower_files(file, env)?
                .into_iter()
                .chain([own])
                .fold(builder, |it, path| it.source(SpelledFile::new(&path)));
        }
        builder = builder.source(Env::new(PREFIX));
    }
    for uri in &sources.uris {
        builder = builder.source(source(uri)?);
    }
    builder.startup_timeout(Duration::from_secs(10)).start().map_err(|error| failed(&error))
}

/// Returns the failure for sources that did not start.
///
/// A rejected document is a finding. A source that does not respond is not a finding.
fn failed(error: &flagkit_sources::Error) -> Failure {
    let failures = error.failures();
    let Some((provenance, first)) = failures.first() else { return Failure::io(describe(error)) };
    let path = |provenance: &str| provenance.strip_prefix("file:").unwrap_or(provenance).to_owned();
    if first.is_missing() && failures.len() == 1 && provenance.as_str().starts_with("file:") {
        return missing(Path::new(&path(provenance.as_str())));
    }
    let is_rejected = failures.iter().any(|(_, error)| !error.problems().is_empty());
    let message = describe(&**first);
    let problems = failures.iter().flat_map(|(provenance, error)| {
        error.problems().iter().map(move |problem| Detail::of(path(provenance.as_str()), problem))
    });
    let others = failures.iter().skip(1);
    let others = others
        .map(|(provenance, error)| Detail::from(format!("{}: {}", path(provenance.as_str()), describe(&**error))));
    Failure::new(
        if is_rejected { Exit::Findings } else { Exit::Io },
        format!("{}: {message}", path(provenance.as_str())),
    )
    .with_details(others.chain(problems))
}

/// Returns the first line of an error, and the first lines of its causes that add information.
fn describe(error: &dyn std::error::Error) -> String {
    let first = |error: &dyn std::error::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
    let mut message = first(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        if !message.contains(&first(error)) {
            message = message + ": " + &first(error);
        }
        cause = error.source();
    }
    message
}

/// The flags of the sources, as a program has them.
pub(crate) struct Loaded {
    /// The flags that are in effect. If the project uses approvals, flags without them are dark.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) status: Status,
    /// `None` for a project without approvals, and for named sources: their environment is unknown.
    pub(crate) verified: Option<Verified>,
}

/// The approvals behind the flags.
pub(crate) struct Verified {
    /// The path of the list of approvers.
    pub(crate) list: PathBuf,
    /// The flags that are not approved, with the reasons.
    pub(crate) refusals: BTreeMap<String, String>,
    /// The flags as the sources state them.
    pub(crate) stated: Arc<Snapshot>,
}

/// Returns the current flags, and the status of the sources.
pub(crate) fn load(sources: &Sources, file: &Path) -> Result<Loaded> {
    let guard = start(sources, file)?;
    let (stated, status) = (guard.flags().snapshot(), guard.status());
    let verified =
        if sources.uris.is_empty() { verify(file, sources.env.as_deref(), Arc::clone(&stated))? } else { None };
    Ok(match verified {
        None => Loaded { snapshot: stated, status, verified: None },
        Some((snapshot, verified)) => Loaded { snapshot, status, verified: Some(verified) },
    })
}

/// Verifies the approvals of a project that uses them, and returns the flags with the refused ones dark.
fn verify(file: &Path, env: Option<&str>, stated: Arc<Snapshot>) -> Result<Option<(Arc<Snapshot>, Verified)>> {
    let Some(list) = ApproverList::read(file)? else { return Ok(None) };
    let project = Project::read(file, env)?;
    let Some(refusals) = Inspection::of(&project, env, &list.approvers, |_| None).shown_refusals() else {
        return Ok(None);
    };
    let flags = Flags::new();
    flags.require_approvals(Refusals(refusals.clone()));
    let flags = Layered::in_flags(flags, project.documents()).flags;
    let mut variables = Env::new(PREFIX);
    // The guard has reported what is wrong with the variables.
    if let Ok(load) = variables.load() {
        flags.add_layer(variables.provenance()).publish(load);
    }
    Ok(Some((flags.snapshot(), Verified { list: list.path, refusals, stated })))
}

fn source(uri: &str) -> Result<Box<dyn Source>> {
    let bad = |error: String| Failure::usage(format!("--source {uri}: {error}"));
    match uri.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(Box::new(SpelledFile::new(Path::new(path)))),
        Some(("env", prefix)) => Ok(Box::new(Env::new(prefix))),
        Some(("https", _)) => Ok(Box::new(Http::new(uri).map_err(|error| bad(error.to_string()))?)),
        Some(("http", _)) => {
            // Over plain HTTP, any machine on the path can answer instead of the server. The path to a server on this
            // machine has no other machine.
            let http = Http::new(uri).or_else(|_| Http::insecure(uri)).map_err(|error| bad(error.to_string()))?;
            Ok(Box::new(http))
        }
        _ => Err(bad("expected file:PATH, env:PREFIX, https://… or http://…".to_owned())),
    }
}

/// A flag file with its path as the user spelled it, because messages of a command repeat its arguments.
struct SpelledFile {
    file: File,
    provenance: Provenance,
}

impl SpelledFile {
    fn new(path: &Path) -> Self {
        Self { file: File::new(path), provenance: Provenance::new(format!("file:{}", path.display())) }
    }
}

impl Source for SpelledFile {
    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }

    fn load(&mut self) -> std::result::Result<Load, LoadError> {
        self.file.load()
    }

    fn run(&mut self, publisher: &Publisher) {
        self.file.run(publisher);
    }
}
